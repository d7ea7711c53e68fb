"""When to try a deferred delivery again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

DELAYS = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 30, 60, 120, 240))
JITTER = 0.2


def next_attempt_at(number: int, now: datetime, deadline: datetime, random: Callable[[], float]) -> datetime | None:
    """When to try again after attempt `number` (from 1), or None when no further try fits before the deadline.

    5, 15, 30 minutes, 1, 2, then every 4 hours, each moved by up to 20 % so that a batch deferred together does not
    return together. `random` gives 0 ≤ x < 1. After None the delivery waits, untried, for its window's end.
    """
    delay = DELAYS[min(number, len(DELAYS)) - 1]
    due = now + delay * (1 - JITTER + 2 * JITTER * random())
    return due if due < deadline else None
