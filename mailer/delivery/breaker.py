"""Stands open while no connection can be had, and finds out when one can."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from mailer.delivery.connection import ConnectFailed, OpenConnection
from mailer.delivery.outcome import Scope

DELAYS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)  # seconds
# A failed login counts towards a lock-out, so it is tried again rarely.
LOGIN_DELAY = 900.0
JITTER = 0.2


def utc_now() -> datetime:
    return datetime.now(UTC)


class Breaker:
    """Opened by `trip`; `run` probes, one at a time, 1, 2, 4 … 60 s apart (±20 %), and closes it on the first success.

    Claiming pauses while it is open. The waits start over only once mail has been seen to pass (`mail_passed`), so
    that a server which greets well and then refuses to work is not asked every second.
    """

    def __init__(
        self,
        open_connection: OpenConnection,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._open_connection = open_connection
        self._sleep = sleep
        self._jitter = jitter
        self._now = now
        self._opened = asyncio.Event()
        self._closed = asyncio.Event()
        self._closed.set()
        self._probes = 0
        self._scope = Scope.CONNECTION
        self.reason = ""
        self.since: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self._opened.is_set()

    def trip(self, reason: str, scope: Scope = Scope.CONNECTION) -> None:
        """Open it. `reason` is for a person; the latest one is kept, `since` is the first one's time."""
        self.reason = reason
        self._scope = scope
        if not self.is_open:
            self.since = self._now()
        self._closed.clear()
        self._opened.set()

    def mail_passed(self) -> None:
        """The server has judged a mail: whatever tripped the breaker is over."""
        self._probes = 0

    async def wait_closed(self) -> None:
        await self._closed.wait()

    async def run(self) -> None:
        """Probe whenever it is open, until cancelled."""
        while True:
            await self._opened.wait()
            await self._sleep(self._next_delay())
            await self._probe()

    def _next_delay(self) -> float:
        delay = LOGIN_DELAY if self._scope is Scope.ACCOUNT else DELAYS[min(self._probes, len(DELAYS) - 1)]
        return delay * (1 - JITTER + 2 * JITTER * self._jitter())

    async def _probe(self) -> None:
        self._probes += 1
        try:
            connection = await self._open_connection()
        except ConnectFailed as failure:
            self.trip(str(failure), failure.outcome.scope)
        else:
            self._close()
            await connection.quit()

    def _close(self) -> None:
        self.reason = ""
        self.since = None
        self._opened.clear()
        self._closed.set()
