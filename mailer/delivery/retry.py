"""When to try a deferred delivery again."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta

DELAYS = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 30, 60, 120, 240))
JITTER = 0.2
HINT = re.compile(
    r"(?:again|back|retry|wait)\b[^.;]{0,20}?\b"
    r"(?:(\d\d):(\d\d):(\d\d)|(\d{1,5}) ?(s|m|h)(?:ec|in|r|our|inute|econd)?s?\b)",
    re.IGNORECASE,
)
UNITS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1)}


def next_attempt_at(
    number: int, now: datetime, deadline: datetime, random: Callable[[], float], hint: timedelta = timedelta(0)
) -> datetime | None:
    """When to try again after attempt `number` (from 1), or None when no further try fits before the deadline.

    5, 15, 30 minutes, 1, 2, then every 4 hours, each moved by up to 20 % so that a batch deferred together does not
    return together. `random` gives 0 ≤ x < 1. After None the delivery waits, untried, for its window's end.
    A server's `hint` makes the wait longer, up to the longest of ours, never shorter.
    """
    delay = max(DELAYS[min(number, len(DELAYS)) - 1], min(hint / (1 - JITTER), DELAYS[-1]))
    due = now + delay * (1 - JITTER + 2 * JITTER * random())
    return due if due < deadline else None


def hinted_wait(text: str) -> timedelta:
    """How long the server asks to wait, as greylisting does: "try again in 300 seconds", "come back in 00:04:59"."""
    match = HINT.search(text)
    if match is None:
        return timedelta(0)
    hours, minutes, seconds, number, unit = match.groups()
    if number:
        return int(number) * UNITS[unit.lower()]
    return timedelta(hours=int(hours), minutes=int(minutes), seconds=int(seconds))
