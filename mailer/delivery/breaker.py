"""Stands open while the server takes no mail, and finds out when it does again: by one connection, then one mail."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from mailer.delivery.connection import ConnectFailed, Connection, OpenConnection
from mailer.delivery.outcome import Kind, Outcome, Scope

DELAYS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)  # seconds
# A failed login counts towards a lock-out, so it is tried again rarely.
LOGIN_DELAY = 900.0
JITTER = 0.2
BREAKS_IN_A_ROW = 5  # transactions, without one in between that the server judged
TRIALS = 3  # that came to nothing, before a server that answers counts as one that does not work
SPARE_FOR = 10.0  # seconds that a probe's connection waits for the mail that it is kept for


def utc_now() -> datetime:
    return datetime.now(UTC)


class Breaker:
    """Opened by `trip`; `run` probes, one at a time, 1, 2, 4 … 60 s apart (±20 %), and closes it on the first success.

    Claiming pauses while it is open. Once closed it is on trial: mails go one at a time, over the probe's connection,
    until the server has judged one. Only then do the waits start over, so that a server which greets well and then
    refuses to work is asked ever more rarely too.
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
        self._on_trial = False
        self._trial = asyncio.Lock()
        self._spare: Connection | None = None
        self._probes = 0
        self._breaks = 0
        self._answers = True
        self._scope = Scope.CONNECTION
        self.reason = ""
        self.since: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self._opened.is_set()

    @property
    def is_stuck(self) -> bool:
        """Open, and not for a moment only: no connection can be had, or trial after trial has come to nothing."""
        return self.is_open and (not self._answers or self._probes >= TRIALS)

    @property
    def lets_all(self) -> bool:
        """Whether any number of mails may be tried at once."""
        return not (self.is_open or self._on_trial)

    def trip(self, reason: str, scope: Scope = Scope.CONNECTION) -> None:
        """No connection could be had. `reason` is for a person: the latest is kept, and the time of the first."""
        self._open(reason, scope, answers=False)

    def hear(self, outcome: Outcome) -> None:
        """What became of a mail. Only what is about the server as a whole opens it."""
        if outcome.kind is Kind.ACCEPTED:
            self.mail_passed()
        elif outcome.breaks and outcome.reply_code != 421:
            self._breaks += 1
            if self._on_trial or self._breaks >= BREAKS_IN_A_ROW:
                self._open(outcome.server_response, Scope.CONNECTION, answers=True)
        elif outcome.scope is Scope.CONNECTION:
            self._open(f"{outcome.reply_code} {outcome.server_response}", Scope.CONNECTION, answers=True)
        elif outcome.is_judged:
            self.mail_passed()

    def mail_passed(self) -> None:
        """The server has judged a mail: whatever tripped the breaker is over."""
        self._probes = self._breaks = 0
        self._on_trial = self._on_trial and self.is_open

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[bool]:
        """For the time of one mail: whether it may be tried. On trial, once those before have been."""
        async with self._trial if self._on_trial else contextlib.nullcontext():
            if self._on_trial:
                yield not self.is_open
                return
        yield not self.is_open

    def take_connection(self) -> Connection | None:
        """The connection that the last probe got, if nobody has taken it yet."""
        if self._spare is None or not self._spare.is_usable:
            return None
        taken, self._spare = self._spare, None
        return taken

    async def run(self) -> None:
        """Probe whenever it is open, until cancelled."""
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(SPARE_FOR if self._spare else None):
                        await self._opened.wait()
                await self._drop_spare()
                if self.is_open:
                    await self._sleep(self._next_delay())
                    await self._probe()
        finally:
            await self._drop_spare()

    def _open(self, reason: str, scope: Scope, answers: bool) -> None:
        self.reason = reason
        self._scope = scope
        self._answers = answers
        self._breaks = 0
        if not self.is_open:
            self.since = self._now()
        self._opened.set()

    def _next_delay(self) -> float:
        delay = LOGIN_DELAY if self._scope is Scope.ACCOUNT else DELAYS[min(self._probes, len(DELAYS) - 1)]
        return delay * (1 - JITTER + 2 * JITTER * self._jitter())

    async def _probe(self) -> None:
        self._probes += 1
        try:
            self._spare = await self._open_connection()
        except ConnectFailed as failure:
            self.trip(str(failure), failure.outcome.scope)
        else:
            self._close()

    def _close(self) -> None:
        self._on_trial = True
        self.reason = ""
        self.since = None
        self._opened.clear()

    async def _drop_spare(self) -> None:
        spare, self._spare = self._spare, None
        if spare is not None:
            await spare.quit()
