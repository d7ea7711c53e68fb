"""What became of uncertain attempts, learned late."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from core.clock import shifted
from core.models import User
from mailer.delivery.audit import audit_mailing
from mailer.delivery.claim import Claim
from mailer.delivery.doubt import perhaps_twice
from mailer.delivery.evidence import BY_JOURNAL, BY_LATE_RESULT, NOT_HANDED_OVER, late_evidence, settle
from mailer.delivery.journal import Journal
from mailer.delivery.journal_files import boot_id
from mailer.delivery.lease import register_worker
from mailer.delivery.ledger import record
from mailer.delivery.outcome import Outcome, Phase, Reply, classify_reply
from mailer.delivery.schedule import run_schedule
from mailer.delivery.transitions import change_status
from mailer.models import Attempt, Delivery, Mailing
from mailer.reasons import NOT_SENT_AFTER_ALL
from tests.support.choices import choose
from tests.support.mailings import (
    counted,
    counted_attempts,
    make_crowd,
    make_mailing,
    really_counted,
    really_counted_attempts,
    states,
)
from tests.support.results import (
    ACCEPTED,
    DEFERRED,
    LOST,
    REJECTED,
    SENDER_REFUSED,
    UNCERTAIN,
    WITHHELD,
    claimed,
    result,
)
from tests.support.suppressions import suppress_for
from tests.support.sweeping import HOST, answered, killed_worker, sweep, sweep_after_long_silence
from tests.support.waiting import committed_once_somebody_waits, with_many_writers

pytestmark = pytest.mark.django_db

BUSY_AFTER_DOT = classify_reply(Phase.BODY, Reply(421, "4.3.2 Busy"))


@pytest.fixture
def mailing(owner: User) -> Mailing:
    make_crowd(owner, 5)
    return change_status(make_mailing(owner).pk, "start", owner)


def gone_and_back(tmp_path: Path, work: Callable[[Journal, list[Claim]], None], boot: str = "") -> Path:
    """A worker dies, its journal can't be found until all it held is uncertain; then the journal is back, here."""
    here, away = tmp_path / "here", tmp_path / "away"
    killed_worker(away, work, boot)
    sweep_after_long_silence(here)
    assert set(Delivery.objects.values_list("state", flat=True)) == {"uncertain"}
    away.rename(here)
    return here


def is_sound(mailing: Mailing) -> None:
    assert counted(mailing) == really_counted(mailing)
    assert counted_attempts() == really_counted_attempts()
    assert [check for check in audit_mailing(mailing.pk) if not check.ok] == []


def test_a_journal_that_comes_back_settles_what_it_tells(mailing: Mailing, tmp_path: Path) -> None:
    here = gone_and_back(tmp_path, answered(ACCEPTED, REJECTED, DEFERRED, None))
    with shifted(timedelta(minutes=2)):
        recorded = sweep(here)
    assert list(states(mailing).values()) == ["sent", "failed", "deferred", "uncertain", "queued"]
    attempts = Attempt.objects.order_by("delivery_id")
    assert [attempt.status for attempt in attempts] == ["success", "failure", "failure", "uncertain", "failure"]
    assert [attempt.evidence for attempt in attempts] == [BY_JOURNAL, BY_JOURNAL, BY_JOURNAL, "", BY_JOURNAL]
    assert [attempt.resolved_at is not None for attempt in attempts] == [True, True, True, False, True]
    assert (attempts[0].reply_code, attempts[0].server_response) == (250, ACCEPTED.server_response)
    assert attempts[4].server_response == NOT_HANDED_OVER
    assert recorded.states == {"sent": 1, "failed": 1, "deferred": 1, "queued": 1}
    assert recorded.mailing_ids == {mailing.pk}
    assert not list(here.iterdir())
    is_sound(mailing)


def test_its_silence_proves_nothing_after_another_boot(mailing: Mailing, tmp_path: Path) -> None:
    here = gone_and_back(tmp_path, answered(ACCEPTED), boot="before-the-power-cut")
    with shifted(timedelta(minutes=2)):
        sweep(here)
    assert list(states(mailing).values()) == ["sent", *["uncertain"] * 4]


def test_another_machine_settles_from_the_journal_that_it_still_has(mailing: Mailing, tmp_path: Path) -> None:
    """This machine gave it up; the other one comes back with its disk."""
    killed_worker(tmp_path / "theirs", answered(ACCEPTED, REJECTED), host="that-host")
    sweep_after_long_silence(tmp_path / "ours")
    with shifted(timedelta(minutes=2)):
        sweep(tmp_path / "theirs", "that-host")
    assert list(states(mailing).values()) == ["sent", "failed", *["queued"] * 3]
    is_sound(mailing)


def woken_up(worker: int, claims: list[Claim], *outcomes: Outcome) -> None:
    """It records what it has as if nothing had happened, as the recorder does."""
    recorded = record(worker, [result(claim, outcome) for claim, outcome in zip(claims, outcomes, strict=False)])
    assert not recorded.states
    settle(worker, late_evidence(recorded.not_held))


@pytest.fixture
def given_up(mailing: Mailing, tmp_path: Path) -> tuple[int, list[Claim]]:
    """A worker that was stopped for long, with a claim on each delivery, while others swept."""
    worker = register_worker("another-host", "another-boot")
    claims = claimed(worker)
    sweep_after_long_silence(tmp_path)
    assert counted(mailing) == {"uncertain": 5}
    return worker, claims


def test_a_reply_after_the_sweep_settles_it(mailing: Mailing, given_up: tuple[int, list[Claim]]) -> None:
    for _again in range(2):
        woken_up(*given_up, ACCEPTED, REJECTED, BUSY_AFTER_DOT, UNCERTAIN, WITHHELD)
        assert list(states(mailing).values()) == ["sent", "failed", "queued", "uncertain", "queued"]
        assert set(Attempt.objects.exclude(status="uncertain").values_list("evidence", flat=True)) == {BY_LATE_RESULT}
        is_sound(mailing)


def test_it_is_settled_once(mailing: Mailing, given_up: tuple[int, list[Claim]]) -> None:
    woken_up(*given_up, REJECTED)
    woken_up(*given_up, ACCEPTED)
    assert Attempt.objects.order_by("delivery_id")[0].reply_code == 550
    assert counted(mailing) == {"failed": 1, "uncertain": 4}


def test_nobody_but_that_worker_can_settle_it(mailing: Mailing, given_up: tuple[int, list[Claim]]) -> None:
    woken_up(register_worker(HOST, boot_id()), given_up[1], ACCEPTED)
    assert counted(mailing) == {"uncertain": 5}


def test_a_batch_that_comes_twice_settles_nothing_of_others(mailing: Mailing) -> None:
    """The commit's answer was lost; meanwhile another worker tried, and does not know."""
    first, second = register_worker(HOST, boot_id()), register_worker(HOST, boot_id())
    claims = claimed(first)
    lost = [result(claim, LOST) for claim in claims]
    record(first, lost)
    with shifted(timedelta(minutes=1)):
        record(second, [result(claim, UNCERTAIN) for claim in claimed(second)])
    settle(first, late_evidence(record(first, lost).not_held))
    assert counted(mailing) == {"uncertain": 5} == really_counted(mailing)


def cancelled(mailing: Mailing, owner: User) -> None:
    change_status(mailing.pk, "cancel", owner)


def over(mailing: Mailing, owner: User) -> None:
    with shifted(timedelta(hours=2)):
        run_schedule()


@pytest.mark.parametrize(("end", "state"), [(cancelled, "cancelled"), (over, "expired")])
def test_nothing_of_a_mailing_that_is_over_is_tried_again(
    mailing: Mailing, owner: User, given_up: tuple[int, list[Claim]], end: Callable[[Mailing, User], None], state: str
) -> None:
    end(mailing, owner)
    with shifted(timedelta(hours=2) if end is over else timedelta(0)):
        woken_up(*given_up, ACCEPTED, REJECTED, DEFERRED, WITHHELD, BUSY_AFTER_DOT)
    assert list(states(mailing).values()) == ["sent", "failed", state, state, state]
    is_sound(mailing)


def test_a_completed_mailing_takes_up_again_what_was_not_sent_inside_its_window(
    mailing: Mailing, given_up: tuple[int, list[Claim]]
) -> None:
    run_schedule()
    mailing.refresh_from_db()
    assert mailing.status == "completed"
    woken_up(*given_up, ACCEPTED, REJECTED, DEFERRED, WITHHELD, BUSY_AFTER_DOT)
    assert list(states(mailing).values()) == ["sent", "failed", "deferred", "queued", "queued"]
    mailing.refresh_from_db()
    assert (mailing.status, mailing.status_reason) == ("sending", NOT_SENT_AFTER_ALL)
    is_sound(mailing)


@with_many_writers
@pytest.mark.django_db(transaction=True)
def test_a_mailing_that_is_being_completed_takes_it_up_again_too(
    mailing: Mailing, given_up: tuple[int, list[Claim]]
) -> None:
    worker, claims = given_up
    with committed_once_somebody_waits(run_schedule):
        settle(worker, late_evidence([result(claims[0], WITHHELD)]))
    mailing.refresh_from_db()
    assert mailing.status == "sending"
    assert counted(mailing) == {"queued": 1, "uncertain": 4}
    is_sound(mailing)


def test_a_completed_mailing_stays_so_where_nothing_is_to_be_sent_again(
    mailing: Mailing, given_up: tuple[int, list[Claim]]
) -> None:
    run_schedule()
    woken_up(*given_up, ACCEPTED, REJECTED)
    mailing.refresh_from_db()
    assert mailing.status == "completed"


def test_a_paused_mailing_goes_on_with_it_later(
    mailing: Mailing, owner: User, given_up: tuple[int, list[Claim]]
) -> None:
    change_status(mailing.pk, "pause", owner)
    woken_up(*given_up, WITHHELD)
    assert counted(mailing) == {"queued": 1, "uncertain": 4}


@pytest.mark.parametrize("state", ["sent", "queued", "failed"])
def test_what_a_person_has_decided_stands_and_the_attempt_is_settled(
    mailing: Mailing, given_up: tuple[int, list[Claim]], state: str
) -> None:
    Delivery.objects.filter(pk=given_up[1][0].delivery_id).update(state=state)  # treat as sent, resend, or its end
    woken_up(*given_up, DEFERRED)
    assert next(iter(states(mailing).values())) == state
    assert Attempt.objects.order_by("delivery_id")[0].status == "failure"


def test_a_delivery_is_sent_once_any_of_its_copies_was_accepted(mailing: Mailing, tmp_path: Path) -> None:
    first, second = register_worker("one", "boot"), register_worker("two", "boot")
    claims = claimed(first)
    sweep_after_long_silence(tmp_path)
    Delivery.objects.update(state="queued")  # a person chose to resend
    again = claimed(second)
    assert [claim.number for claim in again] == [2] * 5
    sweep_after_long_silence(tmp_path)
    woken_up(second, again, REJECTED, ACCEPTED, WITHHELD)
    assert list(states(mailing).values()) == ["uncertain", "sent", *["uncertain"] * 3]
    woken_up(first, claims, REJECTED, REJECTED, ACCEPTED)
    assert list(states(mailing).values()) == ["failed", "sent", "sent", *["uncertain"] * 2]


@pytest.fixture
def resent(mailing: Mailing, owner: User, given_up: tuple[int, list[Claim]]) -> tuple[int, list[Claim]]:
    """What was given up is in another worker's hands, by a person's choice."""
    choose(mailing, "resend", owner)
    another = register_worker("one", "boot")
    claims = claimed(another)
    assert [claim.number for claim in claims] == [2] * 5
    return another, claims


@pytest.fixture
def sent_after_all(
    mailing: Mailing, given_up: tuple[int, list[Claim]], resent: tuple[int, list[Claim]]
) -> tuple[int, list[Claim]]:
    """Meanwhile it turns out that all of it was accepted."""
    woken_up(*given_up, *[ACCEPTED] * 5)
    assert counted(mailing) == {"sending": 5}
    is_sound(mailing)
    return resent


COPIES = [ACCEPTED, REJECTED, DEFERRED, UNCERTAIN, WITHHELD]


def test_whatever_becomes_of_another_copy_it_is_sent(mailing: Mailing, sent_after_all: tuple[int, list[Claim]]) -> None:
    worker, claims = sent_after_all
    record(worker, [result(claim, outcome) for claim, outcome in zip(claims, COPIES, strict=True)])
    assert counted(mailing) == {"sent": 5}
    seconds = Attempt.objects.filter(number=2).order_by("delivery_id")
    assert [attempt.status for attempt in seconds] == ["success", "failure", "failure", "uncertain"]
    both = [claims[0].email, claims[3].email]
    assert sorted(perhaps_twice(mailing.pk).values_list("email", flat=True)) == both
    is_sound(mailing)


def test_also_where_the_mailing_is_over_or_the_address_suppressed(
    mailing: Mailing, owner: User, sent_after_all: tuple[int, list[Claim]]
) -> None:
    worker, claims = sent_after_all
    suppress_for(owner, *(claim.email for claim in claims[:2]))
    record(worker, [result(claims[0], WITHHELD), result(claims[1], DEFERRED)])
    change_status(mailing.pk, "cancel", owner)
    record(worker, [result(claims[2], WITHHELD), result(claims[3], DEFERRED), result(claims[4], LOST)])
    assert counted(mailing) == {"sent": 5}
    is_sound(mailing)


def test_also_where_that_worker_is_given_up_too(
    mailing: Mailing, sent_after_all: tuple[int, list[Claim]], tmp_path: Path
) -> None:
    sweep_after_long_silence(tmp_path)
    assert counted(mailing) == {"sent": 5}
    is_sound(mailing)
    woken_up(*sent_after_all, *COPIES)
    assert counted(mailing) == {"sent": 5}
    is_sound(mailing)


@with_many_writers
@pytest.mark.django_db(transaction=True)
def test_also_where_both_are_recorded_at_the_same_time(
    mailing: Mailing, given_up: tuple[int, list[Claim]], resent: tuple[int, list[Claim]]
) -> None:
    with committed_once_somebody_waits(lambda: woken_up(*given_up, *[ACCEPTED] * 5)):
        record(resent[0], [result(claim, REJECTED) for claim in resent[1]])
    assert counted(mailing) == {"sent": 5}
    is_sound(mailing)


def test_a_refused_sender_learned_late_pauses_the_mailing(mailing: Mailing, given_up: tuple[int, list[Claim]]) -> None:
    recorded = record(given_up[0], [result(given_up[1][0], SENDER_REFUSED)])
    late = settle(given_up[0], late_evidence(recorded.not_held))
    assert str(late.to_pause[mailing.pk]).endswith("550 5.7.1 Sender refused")
    assert counted(mailing) == {"queued": 1, "uncertain": 4}
