"""How fast a server was given mail."""

from __future__ import annotations

from collections.abc import Sequence


def rate_of(moments: Sequence[float]) -> float:
    """Mails a second, from the first to the last of these moments in seconds."""
    return (len(moments) - 1) / (max(moments) - min(moments))


def most_within(span: float, moments: Sequence[float]) -> int:
    """The most that came within so many seconds, wherever they begin."""
    ordered = sorted(moments)
    most = first = 0
    for n, moment in enumerate(ordered):
        while ordered[first] < moment - span:
            first += 1
        most = max(most, n - first + 1)
    return most
