"""How a limit of so many mails a second is kept: by slots in time, one mail in each (GCRA), however many workers.

A slot is a moment on the database's clock, in seconds. Slots are an interval apart and are given out a little ahead of
their time; a mail may begin from its slot on, and for a second after. So between two moments `t` seconds apart no more
begin than there are slots in `t + 1` seconds, whatever the workers do: crash, stall, or come all at once.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

AHEAD = 0.5  # seconds that a slot is given out before its time
BATCH = 0.25  # seconds of slots that are worth a look
CATCH_UP = 0.9  # seconds by which slots may have been missed; after a longer pause it begins anew
VALID = 1.0  # seconds from its slot on in which a mail may begin
SPREAD = 0.5  # seconds between the slots of a mail that is under two limits

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Slots:
    """`n` moments, `interval` seconds apart."""

    first: float
    interval: float
    n: int

    def __getitem__(self, i: int) -> float:
        return self.first + i * self.interval

    def index_beside(self, other: float, i: int) -> int:
        """Of the slots from the `i`th on, the first that is not too early for a mail with this other slot."""
        return i + max(0, math.ceil((other - SPREAD - self[i]) / self.interval))


def open_slots(interval: float, last: float | None, now: float) -> Slots:
    """The slots that may be given out at `now`, when `last` was the last one given out, by whatever interval."""
    first = now if last is None else last + interval
    if first < now - CATCH_UP:
        first = now
    if last is not None and last > now + AHEAD + VALID:  # the clock was set back: no slot is given out so early
        first = now + interval
    if first > now + AHEAD - BATCH:
        return Slots(first, interval, 0)
    return Slots(first, interval, 1 + math.floor((now + AHEAD - first) / interval))


@dataclass(frozen=True, slots=True)
class Token:
    """When a mail may begin, on the worker's clock."""

    not_before: float
    not_after: float

    def is_over(self, now: float) -> bool:
        return now > self.not_after


NO_TOKEN = Token(0.0, 0.0)  # for a mail that needs one and has none: it goes back to the queue


def token_for(slots: Sequence[float], clock_offset: float) -> Token | None:
    """The token for a mail with a slot of each limit that it is under. `clock_offset`: the worker's minus theirs."""
    if not slots:
        return None
    return Token(max(slots) + clock_offset, min(slots) + VALID + clock_offset)


def dealt(things: Iterable[T], group: Callable[[T], Hashable]) -> list[T]:
    """One of each group in turn, groups and things in the order in which they came."""
    groups: dict[Hashable, list[T]] = defaultdict(list)
    for thing in things:
        groups[group(thing)].append(thing)
    rounds = max(map(len, groups.values()), default=0)
    return [members[i] for i in range(rounds) for members in groups.values() if i < len(members)]


def in_turn(keys: Sequence[int], after: int | None) -> list[int]:
    """The keys, which are in order, beginning with the one that comes after this one."""
    if after is None:
        return list(keys)
    return [key for key in keys if key > after] + [key for key in keys if key <= after]
