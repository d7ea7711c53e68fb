"""How much memory processes hold over time."""

from __future__ import annotations

import threading
from types import TracebackType

from benchmarks.processes import resident

EVERY = 0.5  # seconds
FLAT = 1.2  # what is no more than this over what it was at first is flat


class Memory:
    """Looks at one process from `with` to the end of its block. Bytes."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.seen: list[int] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look, name="memory", daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_exception: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._stopped.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stopped.wait(EVERY):
            if held := resident(self._pid):
                self.seen.append(held)

    @property
    def early(self) -> int:
        """Held once it was at work: after a tenth of the time."""
        return self.seen[len(self.seen) // 10] if self.seen else 0

    @property
    def late(self) -> int:
        return self.seen[-1] if self.seen else 0

    @property
    def most(self) -> int:
        return max(self.seen, default=0)

    @property
    def is_flat(self) -> bool:
        return self.late <= FLAT * self.early

    @property
    def text(self) -> str:
        held = [f"{bytes_ / 1e6:.0f}" for bytes_ in (self.early, self.late, self.most)]
        return f"{held[0]} MB early, {held[1]} MB at the end, {held[2]} MB at most"
