"""Under the embedded start, nobody but this machine is answered."""

from __future__ import annotations

import ipaddress

from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope

REFUSAL = b"This is an embedded start: it answers on 127.0.0.1 only. See 'Running it for real' in README.md.\n"


def is_loopback(host: str) -> bool:
    """Whether a server at this address is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


def refuse_other_machines(application: ASGI3Application) -> ASGI3Application:
    """The application, closed to connections that came in by an address other machines can reach."""

    async def guarded(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "lifespan" or is_loopback((scope["server"] or ("", None))[0]):
            await application(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": None})
        else:
            headers = [(b"content-type", b"text/plain; charset=utf-8")]
            await send({"type": "http.response.start", "status": 403, "headers": headers, "trailers": False})
            await send({"type": "http.response.body", "body": REFUSAL, "more_body": False})

    return guarded
