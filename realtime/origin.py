"""A websocket's Origin that is no address is as good as none."""

from __future__ import annotations

from urllib.parse import urlsplit

from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope


def without_broken_origin(application: ASGI3Application) -> ASGI3Application:
    """The application, which refuses a handshake without an Origin, and is not shown one that can't be parsed."""

    async def shown(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "websocket":
            headers = [(name, value) for name, value in scope["headers"] if name != b"origin" or _is_address(value)]
            scope = {**scope, "headers": headers}
        await application(scope, receive, send)

    return shown


def _is_address(origin: bytes) -> bool:
    try:
        urlsplit(origin.decode("latin1"))
    except ValueError:
        return False
    return True
