"""Requests that are too large are answered before they are read: their files would fill the disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope

MOST_DIGITS = 20  # of a Content-Length, as HTTP servers count in 64 bits; Python reads no number of thousands of digits


class TooLarge(Exception):
    """More has come than the limit, though the request had not said so."""


def with_body_limit(application: ASGI3Application, limit: int, others: Mapping[str, int]) -> ASGI3Application:
    """The application, with an answer of 413 to HTTP requests whose body has more than `limit` bytes.

    `others` are the limits of paths that have one of their own.
    """

    async def limited(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        most = others.get(scope["path"], limit)
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if len(announced) > MOST_DIGITS:
            await _refuse(send, 400, "The Content-Length of this request is no length.\n")
        elif announced.isdigit() and int(announced) > most:
            await _refuse_size(send, most)
        else:
            await _counted(application, scope, receive, send, most)

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
            await _refuse_size(send, limit)


async def _refuse_size(send: ASGISendCallable, limit: int) -> None:
    text = f"This is too large: a request may have {limit // 1024**2} MB. Go back, and send less at a time.\n"
    await _refuse(send, 413, text)


async def _refuse(send: ASGISendCallable, status: int, text: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers, "trailers": False})
    await send({"type": "http.response.body", "body": text.encode(), "more_body": False})
