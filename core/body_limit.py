"""Requests that are too large are answered before they are read: their files would fill the disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope


class TooLarge(Exception):
    """More has come than the limit, though the request had not said so."""


def with_body_limit(application: ASGI3Application, usual: int, limits: Mapping[str, int]) -> ASGI3Application:
    """The application, with an answer of 413 to HTTP requests whose body has more bytes than its path may take."""

    async def limited(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        limit = limits.get(scope["path"], usual)
        if _announced(scope) > limit:
            await _refuse(send, limit)
        else:
            await _counted(application, scope, receive, send, limit)

    return limited


async def _counted(
    application: ASGI3Application, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable, limit: int
) -> None:
    came = 0
    is_answered = False

    async def counting_receive() -> Any:
        nonlocal came
        event: Any = await receive()
        came += len(event.get("body", b""))
        if came > limit:
            raise TooLarge
        return event

    async def noting_send(event: Any) -> None:
        nonlocal is_answered
        is_answered = True
        await send(event)

    try:
        await application(scope, counting_receive, noting_send)
    except TooLarge:
        if not is_answered:
            await _refuse(send, limit)


def _announced(scope: Any) -> int:
    length = dict(scope["headers"]).get(b"content-length", b"0")
    return int(length) if length.isdigit() else 0


async def _refuse(send: ASGISendCallable, limit: int) -> None:
    text = f"This is too large: a request may have {limit // 1024**2} MB. Go back, and send less at a time.\n"
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers, "trailers": False})
    await send({"type": "http.response.body", "body": text.encode(), "more_body": False})
