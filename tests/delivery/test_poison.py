"""Who is charged for broken connections: worker after worker, so that nothing is remembered but in the database."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.clock import db_now, shifted
from core.models import User
from mailer.delivery.ledger import record
from mailer.delivery.outcome import Outcome, Phase, Reply, classify_break, classify_reply
from mailer.delivery.transitions import change_status
from mailer.models import Attempt, Delivery, Mailing
from tests.support.mailings import counted, make_crowd, make_mailing, really_counted, states
from tests.support.results import ACCEPTED, DEFERRED, LOST, UNCERTAIN, WITHHELD, a_worker, claimed, result

pytestmark = pytest.mark.django_db

BUSY = classify_reply(Phase.RCPT, Reply(421, "4.7.0 TLS required for RCPT domain, closing connection."))
OUT_OF_STEP = classify_reply(Phase.RCPT, Reply(555, "5.5.2 Syntax error"))
THROTTLED = classify_reply(Phase.BODY, Reply(454, "Throttling failure: Maximum sending rate exceeded."))
GARBAGE = classify_break(Phase.DATA, "The server can't be understood: its reply is not SMTP")


@pytest.fixture
def mailing(owner: User) -> Mailing:
    make_crowd(owner, 12)
    return change_status(make_mailing(owner).pk, "start", owner)


def tried(outcomes: dict[int, Outcome], after: timedelta = timedelta(0)) -> None:
    """A new worker tries what is due, one after another: the n-th has that outcome, the others wait on."""
    with shifted(after):
        worker = a_worker()
        for n, claim in enumerate(claimed(worker)):
            record(worker, [result(claim, outcomes.get(n, WITHHELD))])


def poison() -> Delivery:
    return Delivery.objects.get(email="r0@example.com")


def minutes(n: float) -> timedelta:
    return timedelta(minutes=n)


@pytest.mark.parametrize("broken", [LOST, GARBAGE, OUT_OF_STEP])
def test_it_fails_one_that_breaks_the_connection_three_times_while_others_pass(
    mailing: Mailing, broken: Outcome
) -> None:
    tried({0: broken, 1: ACCEPTED})
    for again in (2, 4):
        assert (poison().state, poison().attempt_count) == ("queued", 0)
        Delivery.objects.filter(email="r0@example.com").update(next_attempt_at=db_now() - minutes(60))
        tried({0: broken, 1: ACCEPTED}, minutes(again))
    assert (poison().state, poison().attempt_count) == ("failed", 1)
    attempt = Attempt.objects.get(delivery=poison())
    assert broken.server_response in attempt.server_response
    assert "while other mail passed" in attempt.server_response
    assert Attempt.objects.count() == 4


def test_it_puts_off_one_at_whose_name_the_server_hangs_up_politely(mailing: Mailing) -> None:
    for again in (0, 2, 4):
        Delivery.objects.filter(email="r0@example.com").update(next_attempt_at=db_now() - minutes(60))
        tried({0: BUSY, 1: ACCEPTED}, minutes(again))
    assert (poison().state, poison().attempt_count, poison().break_count) == ("deferred", 1, 0)
    assert Attempt.objects.get(delivery=poison()).reply_code == 421


def test_it_charges_nobody_while_the_server_fails_everybody(mailing: Mailing) -> None:
    for again in range(8):
        tried(dict.fromkeys(range(12), LOST), minutes(60 * again / 10))
    assert not Attempt.objects.exists()
    assert set(states(mailing).values()) == {"queued"}
    assert set(Delivery.objects.values_list("break_count", flat=True)) == {1}


def test_it_charges_nobody_for_a_server_that_began_to_fail_in_the_middle(mailing: Mailing) -> None:
    tried({0: ACCEPTED, 1: ACCEPTED, 2: DEFERRED})
    for again in range(8):
        tried(dict.fromkeys(range(12), LOST), minutes(60 * again / 10))
    assert Attempt.objects.count() == 3 + sum(state == "failed" for state in states(mailing).values())
    assert "failed" not in states(mailing).values()


def test_breaks_of_an_outage_do_not_count_once_it_is_over(mailing: Mailing) -> None:
    for again in range(5):
        tried(dict.fromkeys(range(12), LOST), minutes(5 * again))
    tried(dict.fromkeys(range(1, 12), ACCEPTED), minutes(40))
    Delivery.objects.filter(email="r0@example.com").update(next_attempt_at=db_now() - minutes(60))
    tried({0: LOST}, minutes(42))
    assert (poison().state, poison().break_count) == ("queued", 2)


@pytest.mark.parametrize("harmless", [THROTTLED, UNCERTAIN])
def test_throttling_is_no_breaking_and_neither_is_a_lost_reply(mailing: Mailing, harmless: Outcome) -> None:
    tried({0: harmless, 1: ACCEPTED})
    assert (poison().break_count, poison().broke_at) == (0, None)


def test_a_reply_in_between_clears_its_name(mailing: Mailing) -> None:
    tried({0: LOST, 1: ACCEPTED})
    Delivery.objects.filter(email="r0@example.com").update(next_attempt_at=db_now() - minutes(60))
    tried({0: DEFERRED})
    assert (poison().state, poison().break_count, poison().broke_at) == ("deferred", 0, None)


def test_it_comes_back_ever_later(mailing: Mailing) -> None:
    tried({0: LOST})
    first = poison().next_attempt_at - (poison().broke_at or db_now())
    assert timedelta(seconds=30) <= first < timedelta(seconds=45)
    broke_at = db_now() - minutes(20)
    Delivery.objects.filter(email="r0@example.com").update(next_attempt_at=broke_at, broke_at=broke_at)
    tried({0: LOST})
    assert minutes(19) < poison().next_attempt_at - db_now() <= minutes(20.1)
    assert counted(mailing) == {"queued": 12} == really_counted(mailing)
