"""Health checks come by whatever name or address the one who checks knows this machine under."""

from __future__ import annotations

from collections.abc import Collection

from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope


def answer_any_host(application: ASGI3Application, paths: Collection[str], host: str) -> ASGI3Application:
    """The application, which takes requests for these paths as if they named this host.

    What is there must not depend on the host, since ALLOWED_HOSTS does not hold it.
    """

    async def renamed(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "http" and scope["path"] in paths:
            headers = [(name, value) for name, value in scope["headers"] if name != b"host"]
            scope = {**scope, "headers": [*headers, (b"host", host.encode())]}
        await application(scope, receive, send)

    return renamed
