"""Figures are kept for a minute, and not a moment longer once they are to be forgotten."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from core.models import User
from mailer.delivery.schedule import run_schedule
from mailer.delivery.transitions import change_status
from mailer.models import Mailing
from mailer.stats import caching
from mailer.stats.caching import forget, own, remembered
from mailer.stats.figures import overview, public_figures
from tests.support.caches import start_over, statistics_at
from tests.support.mailings import make_mailing, make_recipients
from tests.support.servers import start_redis

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def cache(settings: Any) -> None:
    settings.CACHES = statistics_at(settings.REDIS_URL, patience=30)
    start_over()


def counting() -> Callable[[], int]:
    """Gives 1 when first called, then 2, and so on."""
    calls: list[None] = []

    def count() -> int:
        calls.append(None)
        return len(calls)

    return count


def active(owner: User) -> tuple[int, int, int]:
    """Active mailings as the owner sees them, a manager, and a visitor."""
    return (
        overview(owner).figures.active_mailings,
        overview(None).figures.active_mailings,
        public_figures().active_mailings,
    )


@pytest.fixture
def mailing(owner: User) -> Mailing:
    make_recipients(owner, "ana@example.com")
    return make_mailing(owner)


def test_they_are_kept(owner: User) -> None:
    count = counting()
    assert [remembered("n", count), remembered("n", count)] == [1, 1]
    assert remembered("m", count) == 2


def test_they_are_counted_anew_after_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching, "KEPT_FOR", 1)
    count = counting()
    assert remembered("n", count) == 1
    deadline = time.monotonic() + 10
    while remembered("n", count) == 1:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_start_shows_at_once_and_so_does_the_end(owner: User, stranger: User, mailing: Mailing) -> None:
    make_mailing(stranger)
    overview(stranger)
    assert active(owner) == (0, 0, 0)
    change_status(mailing.pk, "start", owner)
    assert active(owner) == (1, 1, 1)
    change_status(mailing.pk, "pause", owner)
    assert active(owner) == (0, 0, 0)
    change_status(mailing.pk, "resume", owner)
    change_status(mailing.pk, "cancel", owner)
    assert active(owner) == (0, 0, 0)


def test_what_the_clock_starts_shows_at_once(owner: User, mailing: Mailing) -> None:
    change_status(mailing.pk, "schedule", owner)
    overview(owner)
    run_schedule()
    mailing.refresh_from_db()
    assert mailing.status == "sending"
    Mailing.objects.update(status="draft")
    assert overview(owner).figures.active_mailings == 0


def test_a_strangers_figures_stay(owner: User, stranger: User) -> None:
    count = counting()
    remembered(own(stranger.pk), count)
    forget(owner.pk)
    assert remembered(own(stranger.pk), count) == 1


def test_what_was_counted_before_a_change_is_not_kept_after_it(owner: User) -> None:
    count = counting()

    def count_while_it_changes() -> int:
        counted = count()
        forget(owner.pk)
        return counted

    assert remembered(own(owner.pk), count_while_it_changes) == 1
    assert remembered(own(owner.pk), count) == 2
    assert remembered(own(owner.pk), count) == 2


def test_a_frozen_or_dead_redis_costs_a_moment_once(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("TEST_REDIS_URL", raising=False)  # one of its own, to do to it as we please
    now = [1000.0]
    monkeypatch.setattr(caching, "seconds", lambda: now[0])
    server = start_redis(tmp_path)
    settings.CACHES = statistics_at(server.url)
    with redis.Redis.from_url(server.url) as client:
        process: int = client.info("server")["process_id"]
    count = counting()
    assert [remembered("n", count), remembered("n", count)] == [1, 1]
    os.kill(process, signal.SIGSTOP)
    assert [remembered(name, count) for name in ("n", "m", "n")] == [2, 3, 4]
    forget(1)
    assert caplog.text.count("Redis does not answer") == 1
    os.kill(process, signal.SIGCONT)
    deadline = time.monotonic() + 30
    while remembered("n", count) != 1:  # what it kept is there again
        assert time.monotonic() < deadline
        now[0] += caching.REST
    server.stop()
    assert remembered("n", count) > 4
    forget(1)
