"""A proxy before a mail server far away, in a process of its own: `python -m benchmarks.delay PORT SECONDS`.

Whatever it passes on arrives so many seconds later, in its order, at any rate: a wire, not a bottleneck.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from typing import cast

import uvloop


class Wire:
    """One direction of a connection: pieces go in, and come out at the other transport later."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._pieces: deque[tuple[float, bytes | None]] = deque()  # when each is due; None closes
        self._loop = asyncio.get_running_loop()
        self.target: asyncio.Transport | None = None

    def put(self, piece: bytes | None) -> None:
        due = self._loop.time() + self._delay
        self._pieces.append((due, piece))
        if len(self._pieces) == 1:
            self._loop.call_at(due, self._let_out)

    def _let_out(self) -> None:
        now = self._loop.time()
        while self._pieces and self._pieces[0][0] <= now:
            _due, piece = self._pieces.popleft()
            if self.target is None:
                continue
            if piece is None:
                self.target.close()
            else:
                self.target.write(piece)
        if self._pieces:
            self._loop.call_at(self._pieces[0][0], self._let_out)


class End(asyncio.Protocol):
    """One end of a connection: what it hears goes into one wire, what it says comes out of another."""

    def __init__(self, hears_into: Wire, speaks_from: Wire) -> None:
        self._hears_into = hears_into
        self._speaks_from = speaks_from

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._speaks_from.target = cast("asyncio.Transport", transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        self._hears_into.put(data)

    def connection_lost(self, _error: Exception | None) -> None:
        self._speaks_from.target = None
        self._hears_into.put(None)


class Front(End):
    """The end that a client comes to: it opens the other one."""

    def __init__(self, target_port: int, delay: float) -> None:
        self._there, self._back = Wire(delay), Wire(delay)
        self._target_port = target_port
        super().__init__(self._there, self._back)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        here = cast("asyncio.Transport", transport)
        here.pause_reading()  # until there is somebody to pass it on to
        self._opening = asyncio.get_running_loop().create_task(self._open(here))

    async def _open(self, transport: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: End(self._back, self._there), "127.0.0.1", self._target_port)
        transport.resume_reading()


async def serve(target_port: int, delay: float) -> None:
    """Until the standard input ends; the first line on the standard output is the port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Front(target_port, delay), "127.0.0.1", 0, backlog=1000)
    async with server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), float(sys.argv[2])))
