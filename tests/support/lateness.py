"""How late this machine lets us come: what a promise in seconds is measured with, where others want the processor."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

NAP = 0.005  # seconds


@dataclass
class Lateness:
    """`most` is by how many seconds a thread of this process has been late at most."""

    most: float = 0.0


@contextmanager
def lateness() -> Iterator[Lateness]:
    """As found within the block."""
    found, is_over = Lateness(), threading.Event()

    def sleep_and_look() -> None:
        due = time.monotonic() + NAP
        while not is_over.wait(due - time.monotonic()):
            found.most = max(found.most, time.monotonic() - due)
            due = time.monotonic() + NAP

    sleeper = threading.Thread(target=sleep_and_look, name="lateness")
    sleeper.start()
    try:
        yield found
    finally:
        is_over.set()
        sleeper.join()
