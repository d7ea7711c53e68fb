from __future__ import annotations

from datetime import timedelta

import pytest

from core.clock import db_now, shifted
from core.models import User
from mailer.delivery.ledger import record
from mailer.delivery.moves import HOUR
from mailer.delivery.transitions import change_status
from mailer.models import Attempt, AttemptCount, Delivery, Mailing
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
    a_worker,
    claimed,
    result,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def mailing(owner: User) -> Mailing:
    make_crowd(owner, 6)
    return change_status(make_mailing(owner).pk, "start", owner)


def test_it_records_each_outcome_as_it_was(mailing: Mailing) -> None:
    worker = a_worker()
    outcomes = [ACCEPTED, REJECTED, DEFERRED, UNCERTAIN, LOST, WITHHELD]
    recorded = record(worker, [result(c, o) for c, o in zip(claimed(worker), outcomes, strict=True)])
    assert list(states(mailing).values()) == ["sent", "failed", "deferred", "uncertain", "queued", "queued"]
    assert counted(mailing) == really_counted(mailing)
    assert recorded.mailing_ids == {mailing.pk}
    assert recorded.outcomes == {"sent": 1, "failed": 1, "deferred": 1, "uncertain": 1}
    attempts = Attempt.objects.order_by("delivery_id").values_list(
        "number", "status", "reply_code", "enhanced_code", "server_response"
    )
    assert list(attempts) == [
        (1, "success", 250, "2.0.0", "2.0.0 Ok: queued"),
        (1, "failure", 550, "5.1.1", "5.1.1 No such user"),
        (1, "failure", 450, "4.7.1", "4.7.1 Greylisted"),
        (1, "uncertain", None, "", "The connection was lost"),
    ]
    assert list(Delivery.objects.order_by("pk").values_list("attempt_count", flat=True)) == [1, 1, 1, 1, 0, 0]
    assert not Delivery.objects.exclude(worker=None).exists()


def test_it_charges_nobody_for_trouble_that_is_not_theirs_and_waits_a_little(mailing: Mailing) -> None:
    worker = a_worker()
    claims = claimed(worker)
    record(worker, [result(claims[0], LOST), result(claims[1], WITHHELD)])
    waits, released = Delivery.objects.order_by("pk")[:2]
    assert waits.next_attempt_at > db_now() + timedelta(seconds=20)
    assert released.next_attempt_at < db_now()


def test_it_retries_a_deferred_one_later_inside_the_window(mailing: Mailing) -> None:
    worker = a_worker()
    record(worker, [result(claimed(worker)[0], DEFERRED)])
    again = Delivery.objects.order_by("pk")[0].next_attempt_at - db_now()
    assert timedelta(minutes=3) < again < timedelta(minutes=7)
    with shifted(timedelta(minutes=8)):
        assert 2 in [claim.number for claim in claimed(worker)]


def test_it_leaves_a_deferred_one_to_the_windows_end_where_no_try_fits(mailing: Mailing) -> None:
    worker = a_worker()
    claim = claimed(worker)[0]
    with shifted(timedelta(minutes=58)):
        record(worker, [result(claim, DEFERRED)])
    delivery = Delivery.objects.order_by("pk")[0]
    assert (delivery.state, delivery.next_attempt_at) == ("deferred", mailing.ends_at)


@pytest.mark.parametrize("outcome", [DEFERRED, LOST, WITHHELD])
def test_nothing_stays_open_in_a_cancelled_mailing(mailing: Mailing, owner: User, outcome: object) -> None:
    worker = a_worker()
    claims = claimed(worker)
    change_status(mailing.pk, "cancel", owner)
    record(worker, [result(claim, outcome) for claim in claims])  # type: ignore[arg-type]
    assert set(states(mailing).values()) == {"cancelled"}
    assert counted(mailing) == {"cancelled": 6}


def test_what_was_accepted_counts_even_after_a_cancel(mailing: Mailing, owner: User) -> None:
    worker = a_worker()
    claims = claimed(worker)
    change_status(mailing.pk, "cancel", owner)
    record(worker, [result(claim, ACCEPTED) for claim in claims])
    assert counted(mailing) == {"sent": 6} == really_counted(mailing)


def test_nothing_stays_open_after_the_window(mailing: Mailing) -> None:
    worker = a_worker()
    claims = claimed(worker)
    with shifted(timedelta(hours=2)):
        record(worker, [result(claim, DEFERRED) for claim in claims])
    assert counted(mailing) == {"expired": 6} == really_counted(mailing)


def test_recording_twice_counts_once(mailing: Mailing) -> None:
    worker = a_worker()
    results = [result(claim, ACCEPTED) for claim in claimed(worker)]
    record(worker, results)
    assert not record(worker, results).states
    assert counted(mailing) == {"sent": 6} == really_counted(mailing)
    assert Attempt.objects.count() == 6
    assert list(counted_attempts().values()) == [6]


def test_it_counts_attempts_by_the_hour_in_which_they_ended(mailing: Mailing) -> None:
    worker = a_worker()
    outcomes = [ACCEPTED, ACCEPTED, REJECTED, DEFERRED, UNCERTAIN, LOST]
    results = [result(*pair) for pair in zip(claimed(worker), outcomes, strict=True)]
    earlier = results[0]._replace(finished_at=results[0].finished_at - 3 * HOUR)
    record(worker, [earlier, *results[1:4]])
    record(worker, results[4:])
    assert counted_attempts() == really_counted_attempts()
    by_status = AttemptCount.objects.filter(worker=worker).order_by("hour", "status").values_list("status", "n")
    assert list(by_status) == [("success", 1), ("failure", 2), ("success", 1), ("uncertain", 1)]


def test_a_late_result_of_an_earlier_attempt_changes_nothing(mailing: Mailing) -> None:
    worker = a_worker()
    first = [result(claim, DEFERRED) for claim in claimed(worker)]
    record(worker, first)
    with shifted(timedelta(minutes=8)):
        assert len(claimed(worker)) == 6
    assert not record(worker, first).states
    assert set(states(mailing).values()) == {"sending"}
    assert counted_attempts() == really_counted_attempts()


def test_it_does_not_touch_what_another_worker_holds(mailing: Mailing) -> None:
    loser, winner = a_worker(), a_worker()
    claims = claimed(loser)
    Delivery.objects.update(worker=winner)
    record(loser, [result(claim, ACCEPTED) for claim in claims])
    assert set(states(mailing).values()) == {"sending"}
    assert not Attempt.objects.exists()


def test_a_refused_sender_is_the_mailings_affair(mailing: Mailing) -> None:
    worker = a_worker()
    recorded = record(worker, [result(claimed(worker)[0], SENDER_REFUSED)])
    assert str(recorded.to_pause[mailing.pk]).endswith("550 5.7.1 Sender refused")
    assert not Attempt.objects.exists()
