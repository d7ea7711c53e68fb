from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.clock import db_now, shifted
from core.models import User
from mailer.delivery.claim import claim_deliveries, register_worker, renew_lease, retire_worker
from mailer.delivery.schedule import change_status, run_schedule
from mailer.models import Attempt, Delivery, Mailing, MailingCount
from mailer.stats import (
    HomeFigures,
    Reason,
    count_attempts,
    delivery_counts,
    home_figures,
    mailing_progress,
    newest_attempts,
    sender_notice,
)
from tests.support.mailings import make_crowd, make_mailing

pytestmark = pytest.mark.django_db


@pytest.fixture
def sending(owner: User) -> Mailing:
    """A mailing to four people, launched; nothing has been sent yet."""
    make_crowd(owner, 4)
    mailing = make_mailing(owner)
    change_status(mailing.pk, "start", owner)
    run_schedule()
    return Mailing.objects.get(pk=mailing.pk)


@pytest.fixture
def worker() -> int:
    return register_worker("here", "boot")


def record_attempts(mailing: Mailing, *seconds_ago: float) -> list[Attempt]:
    """An attempt for each, on the first delivery, which ended so long ago."""
    delivery, now = Delivery.objects.filter(mailing=mailing).order_by("pk")[0], db_now()
    return [
        Attempt.objects.create(
            delivery=delivery,
            mailing=mailing,
            number=number,
            status=Attempt.Status.SUCCESS,
            reply_code=250,
            enhanced_code="2.0.0",
            server_response="OK",
            started_at=now - timedelta(seconds=ago + 1),
            finished_at=now - timedelta(seconds=ago),
        )
        for number, ago in enumerate(seconds_ago, 1)
    ]


def test_it_sums_the_counts_over_workers(sending: Mailing, worker: int) -> None:
    claim_deliveries(worker, 3)
    progress = mailing_progress(sending.pk)
    assert (progress.counts["queued"], progress.counts["sending"], progress.counts["sent"]) == (1, 3, 0)
    assert list(progress.counts) == Delivery.State.values
    assert (progress.total, progress.open, progress.closed, progress.percent) == (4, 4, 0, 0)


def test_it_is_at_a_hundred_percent_only_when_all_are_closed(sending: Mailing) -> None:
    MailingCount.objects.filter(mailing=sending).delete()
    MailingCount.objects.create(mailing=sending, state="sent", n=999)
    MailingCount.objects.create(mailing=sending, state="deferred", n=1)
    assert mailing_progress(sending.pk).percent == 99
    MailingCount.objects.filter(state="deferred").update(state="failed")
    assert mailing_progress(sending.pk).percent == 100


def test_it_has_counts_of_many_mailings_at_once(owner: User, sending: Mailing) -> None:
    draft = make_mailing(owner)
    counts = delivery_counts([sending.pk, draft.pk])
    assert counts[sending.pk]["queued"] == 4
    assert set(counts[draft.pk].values()) == {0}


def test_it_measures_the_rate_over_the_last_seconds(sending: Mailing) -> None:
    record_attempts(sending, 60, 5, 4, 3)
    progress = mailing_progress(sending.pk)
    assert progress.rate == pytest.approx(3 / 5, rel=0.05)
    assert progress.seconds_left == pytest.approx(4 / (3 / 5), abs=1)


def test_it_has_no_rate_where_nothing_was_tried_lately(sending: Mailing) -> None:
    record_attempts(sending, 60)
    progress = mailing_progress(sending.pk)
    assert (progress.rate, progress.seconds_left) == (0, None)


def test_it_has_no_rate_while_paused(sending: Mailing) -> None:
    record_attempts(sending, 1)
    change_status(sending.pk, "pause", None)
    progress = mailing_progress(sending.pk)
    assert (progress.rate, progress.reason) == (0, Reason("paused"))


def test_it_asks_little_of_the_database(sending: Mailing, worker: int) -> None:
    record_attempts(sending, 1)
    with CaptureQueriesContext(connection) as queries:
        mailing_progress(sending.pk)
    assert len(queries) <= 7
    assert not any("COUNT(" in query["sql"] for query in queries)


def test_it_says_when_no_sender_is_running(sending: Mailing) -> None:
    assert sender_notice() == Reason("no_sender")
    worker = register_worker("here", "boot")
    assert sender_notice() is None
    with shifted(timedelta(minutes=2)):
        assert sender_notice() == Reason("no_sender")
    retire_worker(worker)
    assert mailing_progress(sending.pk).reason == Reason("no_sender")


def test_it_says_what_troubles_the_senders(sending: Mailing, worker: int) -> None:
    renew_lease(worker, "Connection refused")
    assert mailing_progress(sending.pk).reason == Reason("trouble", "Connection refused")
    register_worker("there", "boot")
    assert mailing_progress(sending.pk).reason is None


def test_it_gives_the_servers_words_for_a_pause_by_error(sending: Mailing) -> None:
    change_status(sending.pk, "pause", None, reason="535 bad password")
    assert mailing_progress(sending.pk).reason == Reason("paused_by_error", "535 bad password")


def test_it_says_when_the_next_retry_comes(sending: Mailing, worker: int) -> None:
    later = db_now() + timedelta(minutes=3)
    Delivery.objects.filter(mailing=sending).update(state="deferred", next_attempt_at=later)
    MailingCount.objects.filter(mailing=sending).update(state="deferred")
    progress = mailing_progress(sending.pk)
    assert progress.reason == Reason("retrying", at=later)
    assert progress.seconds_left is None


def test_it_says_that_deliveries_are_being_made(sending: Mailing, worker: int) -> None:
    Mailing.objects.filter(pk=sending.pk).update(materialised_at=None)
    assert mailing_progress(sending.pk).reason == Reason("making")


def test_it_says_what_the_end_left(sending: Mailing) -> None:
    with shifted(timedelta(hours=2)):
        run_schedule()
    assert mailing_progress(sending.pk).reason == Reason("ended", "The window ended with 4 not sent.")


def test_it_lists_the_newest_attempts_first(sending: Mailing) -> None:
    attempts = record_attempts(sending, 3, 2, 1)
    assert [row.id for row in newest_attempts(sending.pk)] == [attempt.pk for attempt in reversed(attempts)]
    assert [row.id for row in newest_attempts(sending.pk, limit=1)] == [attempts[2].pk]
    [row] = newest_attempts(sending.pk, after=attempts[1].pk)
    assert (row.email, row.number, row.status) == ("r0@example.com", 3, "success")
    assert (row.reply_code, row.enhanced_code, row.server_response) == (250, "2.0.0", "OK")
    assert count_attempts(sending.pk, attempts[0].pk) == 2


def test_it_lists_no_other_mailings_attempts(owner: User, sending: Mailing) -> None:
    record_attempts(sending, 1)
    assert newest_attempts(make_mailing(owner).pk) == []


def test_it_has_figures_for_the_home_page(owner: User, stranger: User, superuser: User, sending: Mailing) -> None:
    make_mailing(owner)
    assert home_figures(owner) == HomeFigures(mailings=2, active_mailings=1, recipients=4)
    assert home_figures(stranger) == HomeFigures(0, 0, 0)
    assert home_figures(superuser) == HomeFigures(2, 1, 4)
