"""What something costs in time of the processor, whatever else the machine does."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
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
