"""What something costs in time of the processor, whatever else the machine does."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def untraced() -> Iterator[None]:
    """Without what measures coverage, which takes longer than what it measures."""
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(tracer)


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Fails where the block takes this thread longer."""
    with untraced():
        began = time.thread_time()
        yield
        taken = time.thread_time() - began
    assert taken < seconds


def seconds_of(do: Callable[[], object]) -> float:
    """Of this thread's CPU."""
    with untraced():
        began = time.thread_time()
        do()
        return time.thread_time() - began


def cheapest(do: Callable[[], object]) -> float:
    """The least of some tries."""
    return min(seconds_of(do) for _try in range(5))


def plain_work() -> None:
    """What is much the same wherever Python runs, and takes 1.4 ms where the suite was written: to measure others by.

    A machine's own clock says little of a program: the next machine, or this one with all its cores busy, takes twice
    as long for the same.
    """
    texts: dict[int, str] = {}
    for number in range(10_000):
        texts[number % 97] = str(number)
        len(texts[number % 97])
