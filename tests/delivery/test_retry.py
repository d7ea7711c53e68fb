from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mailer.delivery.retry import next_attempt_at

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
