"""Every request is read as UTF-8, which browsers send, whatever its Content-Type says.

Django would take any codec's name for a charset (`base64`, `utf-7`), and fail at what that makes of the form.
"""

from __future__ import annotations

import re

from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope

BOUNDARY = re.compile(rb';\s*boundary=(?:"[^";]*"|[^";\s]*)', re.IGNORECASE)


def read_as_utf8(application: ASGI3Application) -> ASGI3Application:
    """The application, which hears of a request's Content-Type its media type and boundary, and nothing else."""

    async def plain(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "http":
            headers = [(name, _plain(value) if name == b"content-type" else value) for name, value in scope["headers"]]
            scope = {**scope, "headers": headers}
        await application(scope, receive, send)

    return plain


def _plain(content_type: bytes) -> bytes:
    boundary = BOUNDARY.search(content_type)
    return content_type.partition(b";")[0] + (boundary[0] if boundary else b"")
