from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mailer.delivery.retry import hinted_wait, next_attempt_at

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FAR = NOW + timedelta(days=5)


@pytest.mark.parametrize(
    ("number", "minutes"), [(1, 5), (2, 15), (3, 30), (4, 60), (5, 120), (6, 240), (7, 240), (100, 240)]
)
def test_it_waits_longer_each_time(number: int, minutes: int) -> None:
    assert next_attempt_at(number, NOW, FAR, lambda: 0.5) == NOW + timedelta(minutes=minutes)


def test_it_scatters_the_tries_by_a_fifth() -> None:
    assert next_attempt_at(1, NOW, FAR, lambda: 0.0) == NOW + timedelta(minutes=4)
    assert next_attempt_at(1, NOW, FAR, lambda: 1.0) == NOW + timedelta(minutes=6)


def test_it_gives_up_where_no_try_fits_into_the_window() -> None:
    due = NOW + timedelta(minutes=5)
    assert next_attempt_at(1, NOW, due, lambda: 0.5) is None
    assert next_attempt_at(1, NOW, due - timedelta(seconds=1), lambda: 0.5) is None
    assert next_attempt_at(1, NOW, due + timedelta(microseconds=1), lambda: 0.5) == due


def test_a_server_may_make_it_wait_longer_never_shorter_and_not_for_ever() -> None:
    def wait(hint: timedelta, jitter: float) -> timedelta:
        due = next_attempt_at(1, NOW, FAR, lambda: jitter, hint)
        assert due is not None
        return due - NOW

    assert wait(timedelta(seconds=10), 0.5) == timedelta(minutes=5)
    assert wait(timedelta(minutes=20), 0.0) == timedelta(minutes=20)  # no sooner than it asks, jitter included
    assert wait(timedelta(days=2), 0.5) == timedelta(hours=4)


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("4.7.1 Greylisted, please try again in 300 seconds", 300),
        ("Recipient address rejected: Greylisting in action, please come back in 00:04:59", 299),
        ("4.2.0 Greylisted, see http://postgrey.schweikert.ch/help/example.com.html", 0),
        ("try again in 5 minutes", 300),
        ("Please retry after 1 hour.", 3600),
        ("wait 20s", 20),
        ("4.7.1 Try again later, 550 messages are queued. 12 minutes ago", 0),
        ("4.2.2 Mailbox full", 0),
        ("", 0),
    ],
)
def test_it_reads_how_long_a_server_asks_to_wait(words: str, seconds: int) -> None:
    assert hinted_wait(words) == timedelta(seconds=seconds)
