from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from core.clock import db_now, shifted
from core.models import User
from mailer.delivery.lease import renew_lease
from mailer.delivery.ledger import record
from mailer.delivery.schedule import run_schedule
from mailer.delivery.transitions import change_status
from mailer.models import Attempt, Delivery, Mailing, Worker
from mailer.rates import MINUTE, Rate
from mailer.stats import progress as stats
from mailer.throttling import set_rate
from tests.support.mailings import make_crowd, make_mailing
from tests.support.results import ACCEPTED, DEFERRED, LOST, a_worker, claimed, result

pytestmark = pytest.mark.django_db


@pytest.fixture
def mailing(owner: User) -> Mailing:
    make_crowd(owner, 20)
    return change_status(make_mailing(owner).pk, "start", owner)


def sent_by(worker: int, n: int) -> None:
    record(worker, [result(claim, ACCEPTED) for claim in claimed(worker, n)])


def test_progress_adds_up_over_workers(mailing: Mailing) -> None:
    for n in (3, 4):
        sent_by(a_worker(), n)
    run_schedule()
    progress = stats.mailing_progress(mailing.pk)
    assert (progress.total, progress.counts["sent"], progress.closed, progress.percent) == (20, 7, 7, 35)
    assert progress.rate > 0
    assert progress.seconds_left is not None


def test_the_rate_is_that_of_the_last_seconds(mailing: Mailing) -> None:
    sent_by(a_worker(), 5)
    Attempt.objects.update(finished_at=db_now() - timedelta(seconds=11))
    assert stats.mailing_progress(mailing.pk).rate == 0
    finished = db_now() - timedelta(seconds=2)
    Attempt.objects.update(finished_at=finished)
    rates = [5 / (db_now() - finished).total_seconds()]
    rates += [stats.mailing_progress(mailing.pk).rate, 5 / (db_now() - finished).total_seconds()]
    assert rates == sorted(rates, reverse=True)


def test_it_says_why_nothing_moves(mailing: Mailing, owner: User) -> None:
    def reason() -> str | None:
        found = stats.mailing_progress(mailing.pk).reason
        return found.code if found else None

    assert reason() == stats.NO_SENDER
    worker = a_worker()
    run_schedule()
    assert reason() is None
    renew_lease(worker, "Connection refused")
    assert reason() == stats.TROUBLE
    renew_lease(worker, "")
    record(worker, [result(claim, DEFERRED) for claim in claimed(worker)])
    assert reason() == stats.RETRYING
    change_status(mailing.pk, "pause", owner)
    assert reason() == stats.PAUSED
    with shifted(timedelta(hours=2)):
        run_schedule()
    assert reason() == stats.ENDED


def test_it_says_when_the_next_try_is_also_for_what_was_never_charged(mailing: Mailing) -> None:
    worker = a_worker()
    run_schedule()
    record(worker, [result(claim, LOST) for claim in claimed(worker)])
    reason = stats.mailing_progress(mailing.pk).reason
    assert reason is not None
    assert (reason.code, reason.at) == (stats.RETRYING, Delivery.objects.earliest("next_attempt_at").next_attempt_at)


def test_it_says_that_no_further_try_fits_into_the_window(mailing: Mailing) -> None:
    worker = a_worker()
    run_schedule()
    ends_at = db_now() + timedelta(minutes=2)
    Mailing.objects.update(ends_at=ends_at)
    record(worker, [result(claim, DEFERRED) for claim in claimed(worker)])
    assert stats.mailing_progress(mailing.pk).reason == stats.Reason(stats.NO_MORE_TRIES, at=ends_at)


def test_no_time_is_left_to_tell_where_a_cap_holds_the_rest_back(mailing: Mailing, owner: User, settings: Any) -> None:
    owner.sending_allowed_at = None
    owner.save()
    worker = a_worker()
    run_schedule()
    settings.NEW_ACCOUNT_DAILY_CAP = 21
    sent_by(worker, 1)
    assert stats.mailing_progress(mailing.pk).seconds_left is not None
    settings.NEW_ACCOUNT_DAILY_CAP = 5
    sent_by(worker, 1)
    assert stats.mailing_progress(mailing.pk).seconds_left is None
    sent_by(worker, 3)
    progress = stats.mailing_progress(mailing.pk)
    assert (progress.rate > 0, progress.seconds_left) == (True, None)
    assert progress.reason is not None
    assert progress.reason.code == stats.AT_CAP


def test_it_says_that_the_window_closes_first(mailing: Mailing, owner: User, client: Client) -> None:
    def is_shown() -> bool:
        text = client.get(f"/mailings/{mailing.pk}/").content.decode()
        return 'id="closes-first">the window closes first' in text

    client.force_login(owner)
    run_schedule()
    set_rate(owner, Rate(1, MINUTE), mailing)
    for minutes, is_too_late in ((25, False), (15, True)):
        Mailing.objects.update(ends_at=db_now() + timedelta(minutes=minutes))
        progress = stats.mailing_progress(mailing.pk)
        assert (progress.seconds_left, progress.window_closes_first) == (20 * 60, is_too_late)
        assert is_shown() == is_too_late


def test_a_dead_worker_is_no_sender(mailing: Mailing) -> None:
    a_worker()
    Worker.objects.update(lease_expires_at=db_now())
    notice = stats.sender_notice()
    assert notice is not None
    assert notice.code == stats.NO_SENDER
