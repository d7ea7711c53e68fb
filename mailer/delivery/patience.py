"""How long the next reply may take."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Patience:
    """Calls `lapsed` once the time has run out that `renew` gave last.

    One timer serves all replies: it looks at the clock every `shortest` seconds, which none is given less than, so that
    a reply that comes in time costs no timer of its own.
    """

    def __init__(self, shortest: float, lapsed: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._shortest = shortest
        self._lapsed = lapsed
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def renew(self, seconds: float) -> None:
        """So many seconds from now on."""
        self._deadline = self._loop.time() + seconds
        if self._timer is None:
            self._timer = self._loop.call_later(self._shortest, self._look)

    def rest(self) -> None:
        """No reply is owed."""
        self._deadline = None

    def end(self) -> None:
        self._deadline = None
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        self._timer = None
        if self._deadline is None:
            return
        now = self._loop.time()
        if now >= self._deadline:
            self._lapsed()
        else:
            self._timer = self._loop.call_at(min(self._deadline, now + self._shortest), self._look)
