"""What runs beside the pages in the web process: the sender, and under the embedded start the mail catcher."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope
from django.conf import settings

from core import outgoing
from mailer.delivery.supervise import send_forever
from mailer.mailcatcher.smtp import running_catcher

DRAIN_FOR = 30.0  # seconds; what is on the wire longer than that is left to the journal
POST_FOR = 10.0  # seconds, for the site's own mails


def with_lifespan(application: ASGI3Application) -> ASGI3Application:
    """The application, answering the server's lifespan messages too (the ASGI specification's lifespan protocol)."""

    async def wrapped(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "lifespan":
            await _serve_lifespan(receive, send)
        else:
            await application(scope, receive, send)

    return wrapped


async def _serve_lifespan(receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    await receive()
    async with AsyncExitStack() as running:
        try:
            await running.enter_async_context(_beside_the_pages())
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
    await send({"type": "lifespan.shutdown.complete"})


@asynccontextmanager
async def _beside_the_pages() -> AsyncIterator[None]:
    async with AsyncExitStack() as running:
        if settings.EMBEDDED:
            catcher = running_catcher("127.0.0.1", settings.MAILCATCHER_PORT, settings.DATA_DIR / "mailcatcher")
            await running.enter_async_context(catcher)
        running.push_async_callback(asyncio.to_thread, outgoing.drain, POST_FOR)  # while the catcher still listens
        if settings.EMBEDDED_SENDER:
            await running.enter_async_context(_sender())
        yield


@asynccontextmanager
async def _sender() -> AsyncIterator[None]:
    stop = asyncio.Event()
    sending = asyncio.create_task(send_forever(settings.SEND_CONCURRENCY, stop), name="sender")
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait([sending], timeout=DRAIN_FOR)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
