"""A mail server that takes everything and keeps nothing, in a process of its own: `python -m benchmarks.sink`.

It offers PIPELINING (RFC 2920) and answers what comes in one piece in one piece. It is there to cost little: it reads
the commands that our senders and their peers use, and none other.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import uvloop

GREETING = b"220 sink ESMTP\r\n"
EHLO = b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 52428800\r\n"
OK = b"250 2.0.0 Ok\r\n"
GO_AHEAD = b"354 End data with <CR><LF>.<CR><LF>\r\n"
BYE = b"221 2.0.0 Bye\r\n"
UNKNOWN = b"502 5.5.2 Not understood\r\n"

END_OF_BODY = b"\r\n.\r\n"


class Session(asyncio.Protocol):
    """One connection. Bytes in, replies out; a body is only searched for its end."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._in_body = False
        self._searched = 0  # of the body's bytes
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        self._transport.write(GREETING)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        replies = bytearray()
        while (reply := self._next_reply()) is not None:
            replies += reply
        assert self._transport is not None
        if replies:
            self._transport.write(bytes(replies))
        if replies.endswith(BYE):
            self._transport.close()

    def _next_reply(self) -> bytes | None:
        return self._body_reply() if self._in_body else self._command_reply()

    def _body_reply(self) -> bytes | None:
        end = self._buffer.find(END_OF_BODY, max(0, self._searched - len(END_OF_BODY)))
        if end < 0:
            self._searched = len(self._buffer)
            return None
        del self._buffer[: end + len(END_OF_BODY)]
        self._in_body, self._searched = False, 0
        return OK

    def _command_reply(self) -> bytes | None:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            return None
        verb = bytes(self._buffer[:4]).upper()
        del self._buffer[: end + 2]
        self._in_body = verb == b"DATA"
        return REPLIES.get(verb, UNKNOWN)


REPLIES = {
    b"MAIL": OK,
    b"RCPT": OK,
    b"DATA": GO_AHEAD,
    b"EHLO": EHLO,
    b"HELO": OK,
    b"RSET": OK,
    b"NOOP": OK,
    b"QUIT": BYE,
}


async def serve() -> None:
    """Until the standard input ends; the first line on the standard output is the port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Session, "127.0.0.1", 0, backlog=1000)
    async with server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(serve())
