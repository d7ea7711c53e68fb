"""Counts of what may be a million: a large one is kept for seconds, so that no page counts a million at each visit."""

from __future__ import annotations

from collections.abc import Callable

from core.clock import seconds

LARGE = 100_000  # what is less is counted anew each time
KEPT_FOR = 10.0  # seconds

_kept: dict[str, tuple[float, int]] = {}  # until when, and how many


def counted_lately(name: str, count: Callable[[], int]) -> int:
    """What `count` gives; where that is large, what it gave within the last seconds in this process."""
    now = seconds()
    until, kept = _kept.get(name, (0.0, 0))
    if now < until:
        return kept
    n = count()
    if n >= LARGE:
        _forget_old(now)
        _kept[name] = (now + KEPT_FOR, n)
    return n


def forget_count(name: str) -> None:
    """It has changed: this process counts it anew."""
    _kept.pop(name, None)


def _forget_old(now: float) -> None:
    for name, (until, _n) in list(_kept.items()):
        if until <= now:
            _kept.pop(name, None)
