"""The live page's other end: who may watch a mailing is told what happens to it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from importlib import import_module
from typing import Any

from channels.auth import get_user
from channels.db import database_sync_to_async
from django.conf import settings
from django.db import DatabaseError

from core.access import visible_to
from core.models import User
from mailer.models import Mailing
from realtime.refresher import refresher_of

logger = logging.getLogger(__name__)

CHECK_EVERY = 30.0  # seconds between two looks whether the page's owner may still watch
DRAIN_FOR = 10.0  # seconds that a page may take to accept a frame
MOST_WAITING = 60  # frames; twelve seconds of the busiest mailing
LONGEST_REQUEST = 200  # characters

NO_LONGER_ALLOWED = 4403
TOO_SLOW = 1013  # "try again later" (IANA's registry of close codes)


class MailingConsumer:
    """One open page, by ASGI's websocket protocol. Read-only: all it takes is {"type": "snapshot"}."""

    def __init__(self, scope: Any, receive: Any, send: Any) -> None:
        self._mailing_id: int = scope["url_route"]["kwargs"]["pk"]
        self._session_key: str | None = scope["session"].session_key
        self._receive = receive
        self._send = send
        self._frames: asyncio.Queue[str] = asyncio.Queue(MOST_WAITING)
        self._overrun = asyncio.Event()

    async def run(self) -> None:
        await self._receive()  # websocket.connect
        if not await self._may_watch():
            await self._close()  # before it is accepted: the browser sees a 403, whatever the reason
            return
        await self._send({"type": "websocket.accept"})
        refresher = refresher_of(self._mailing_id)
        try:
            refresher.add(self)
            code = await _first_of(self._take_requests(), self._send_frames(), self._check_permission())
        finally:
            refresher.discard(self)
        if code is not None:
            await self._close(code)

    def push(self, frame: str) -> None:
        """Send the frame when those before it have gone."""
        try:
            self._frames.put_nowait(frame)
        except asyncio.QueueFull:
            self._overrun.set()

    async def _take_requests(self) -> None:
        """Until the page goes. Asking for a snapshot twice before it comes is asking once."""
        while (message := await self._receive())["type"] != "websocket.disconnect":
            if _asks_for_snapshot(message.get("text")):
                refresher_of(self._mailing_id).add(self)

    async def _send_frames(self) -> int:
        while not self._overrun.is_set():
            text = await self._frames.get()
            try:
                async with asyncio.timeout(DRAIN_FOR):
                    await self._send({"type": "websocket.send", "text": text})
            except TimeoutError:
                break
        return TOO_SLOW

    async def _check_permission(self) -> int:
        while True:
            await asyncio.sleep(CHECK_EVERY)
            try:
                if not await self._may_watch():
                    return NO_LONGER_ALLOWED
            except DatabaseError as error:  # while it is away there is nothing to see either
                logger.warning("Whether a page may still watch could not be checked: %r", error)

    async def _may_watch(self) -> bool:
        """Whether the session still stands, its user is active, and the mailing is theirs to see."""
        as_scope: Any = {"session": import_module(settings.SESSION_ENGINE).SessionStore(self._session_key)}
        user = await get_user(as_scope)
        return isinstance(user, User) and await database_sync_to_async(_is_visible)(user, self._mailing_id)

    async def _close(self, code: int = 1000) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_FOR):
                await self._send({"type": "websocket.close", "code": code})


async def watch_mailing(scope: Any, receive: Any, send: Any) -> None:
    """The ASGI application at /ws/mailings/<id>/."""
    await MailingConsumer(scope, receive, send).run()


async def refuse(_scope: Any, receive: Any, send: Any) -> None:
    """The ASGI application at every other address: nothing is there."""
    await receive()
    await send({"type": "websocket.close", "code": 1000})


def _is_visible(user: User, mailing_id: int) -> bool:
    return visible_to(user, Mailing.objects.filter(pk=mailing_id)).exists()


def _asks_for_snapshot(text: str | None) -> bool:
    if not text or len(text) > LONGEST_REQUEST:
        return False
    try:
        return bool(json.loads(text) == {"type": "snapshot"})
    except ValueError:
        return False


async def _first_of(*coroutines: Any) -> int | None:
    """What the first to end returns; the others are cancelled."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        done, _running = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        result: int | None = done.pop().result()
        return result
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
