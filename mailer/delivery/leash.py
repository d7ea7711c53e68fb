"""How far the senders may run ahead of the ledger."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from mailer.delivery.database import Listener

LOOK_EVERY = 0.25  # seconds
MOST_UNRECORDED = 1000  # mails; a tenth of a second at full speed


class Leash(Listener):
    """At most so many mails are handed over after the database was last heard, and before it is heard again.

    When it goes away, no more than those go out without the ledger; their replies are in the journal. Each answer
    counts, and each beat of its pulse, not the commits alone: while the batch before is still being written, the
    database is there, and a commit that takes its time holds nobody up. But where it failed to record, other answers
    say nothing. One that answers and yet gets behind is waited for too, at MOST_UNRECORDED.
    """

    def __init__(self, length: int, ask: Callable[[], None] = lambda: None) -> None:
        """`ask` asks the database for an answer."""
        self._length = length
        self._ask = ask
        self._handed_over = 0  # since the last answer
        self._unrecorded = 0  # of those begun
        self._failing = 0  # failures of what is being asked again
        self._waiting: list[asyncio.Future[None]] = []  # for it to loosen
        self._timer: asyncio.TimerHandle | None = None  # for all who wait
        self._tightened = asyncio.Event()

    @property
    def is_slack(self) -> bool:
        """Whether another mail may be begun at this moment."""
        return self._lets_go and self._unrecorded < MOST_UNRECORDED

    @property
    def _lets_go(self) -> bool:
        return self._handed_over < self._length and not self._failing

    async def has_room(self) -> bool:
        """Whether another mail may be begun; where not, after waiting a moment for the database."""
        if not self.is_slack:
            await self._moment()
        return self.is_slack

    async def hand_over(self) -> bool:
        """Whether a mail that is begun may be handed over, which is counted then; it may wait as well."""
        if not self._lets_go:
            await self._moment()
        if not self._lets_go:
            return False
        self._handed_over += 1
        if 4 * self._handed_over >= self._length:
            self._ask()
        if 2 * self._handed_over >= self._length:
            self._tightened.set()
        return True

    async def _moment(self) -> None:
        """Until something is heard of the database, or LOOK_EVERY at most.

        On SQLite every second mail waits here at full speed: 1.3 µs with one timer for all, 5.5 with one for each.
        """
        loop = asyncio.get_running_loop()
        if self._timer is None:
            self._timer = loop.call_later(LOOK_EVERY, self._loosen)
        heard = loop.create_future()
        self._waiting.append(heard)
        await heard

    def _loosen(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, []
        for heard in waiting:
            if not heard.done():  # cancelled, maybe
                heard.set_result(None)

    async def tightens(self, most: float) -> None:
        """Wait until half of it is used up, at most so many seconds: then it is time to hear from the database."""
        if 2 * self._handed_over < self._length:
            self._tightened.clear()
            await _set_within(self._tightened, most)

    def begin(self) -> None:
        self._unrecorded += 1

    def answered(self) -> None:
        self._handed_over = 0
        self._loosen()

    def lost(self) -> None:
        self._failing += 1

    def found(self) -> None:
        self._failing -= 1
        self._loosen()

    def recorded(self, n: int) -> None:
        """The ledger has committed the results of so many mails."""
        self._unrecorded -= n
        self._loosen()


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
