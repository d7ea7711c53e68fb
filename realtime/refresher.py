"""One per process and mailing: looks at the database and tells all its watchers the same."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Protocol

from channels.db import database_sync_to_async

from realtime.frames import View, encode, read_mailing
from realtime.wakeups import listen

logger = logging.getLogger(__name__)

LOOK_EVERY = 1.0  # seconds, unwoken
LEAST_PAUSE = 0.2  # seconds between two looks: at most five a second


class Watcher(Protocol):
    """An open page. `push` takes a frame and never waits."""

    def push(self, frame: str) -> None: ...


_refreshers: dict[int, Refresher] = {}


class Refresher:
    """Runs while somebody watches. The channel layer only makes it look sooner: what it tells is the database's."""

    def __init__(self, mailing_id: int) -> None:
        self._mailing_id = mailing_id
        self._view = View()
        self._watchers: set[Watcher] = set()
        self._newcomers: set[Watcher] = set()  # get a snapshot after the next look
        self._wake = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name=f"refresher of mailing {mailing_id}")

    def add(self, watcher: Watcher) -> None:
        """Send it a snapshot soon and every update after; also for one that asks for a snapshot again."""
        self._newcomers.add(watcher)
        self._wake.set()

    def discard(self, watcher: Watcher) -> None:
        self._watchers.discard(watcher)
        self._newcomers.discard(watcher)
        if not self._watchers and not self._newcomers:
            self._forget()
            self._task.cancel()

    async def _run(self) -> None:
        listening = asyncio.create_task(listen(self._mailing_id, self._wake.set))
        try:
            while True:
                self._wake.clear()
                await self._look()
                await asyncio.sleep(LEAST_PAUSE)
                await _wait(self._wake, LOOK_EVERY - LEAST_PAUSE)
        finally:
            self._forget()
            listening.cancel()

    async def _look(self) -> None:
        newcomers = set(self._newcomers)
        try:
            reading = await database_sync_to_async(read_mailing)(self._mailing_id, self._view.after, self._view.last)
        except Exception as error:  # the database is away, or something is wrong: the next look may do better
            logger.warning("Mailing %d could not be read: %r", self._mailing_id, error)
            return
        update = self._view.take(reading, time.monotonic())
        if update is not None:
            _push(self._watchers - newcomers, encode(update))
        if newcomers := newcomers & self._newcomers:  # some may have left meanwhile
            _push(newcomers, encode(self._view.snapshot(reading.progress)))
            self._newcomers -= newcomers
            self._watchers |= newcomers

    def _forget(self) -> None:
        if _refreshers.get(self._mailing_id) is self:
            del _refreshers[self._mailing_id]


def refresher_of(mailing_id: int) -> Refresher:
    """The mailing's refresher in this process, started where there is none."""
    if mailing_id not in _refreshers:
        _refreshers[mailing_id] = Refresher(mailing_id)
    return _refreshers[mailing_id]


def _push(watchers: set[Watcher], frame: str) -> None:
    for watcher in watchers:
        watcher.push(frame)


async def _wait(event: asyncio.Event, most: float) -> None:
    try:
        async with asyncio.timeout(most):
            await event.wait()
    except TimeoutError:
        return
