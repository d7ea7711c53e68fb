"""A TCP proxy on 127.0.0.1 that a test can cut and mend, and that may be slow."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from types import TracebackType


class Proxy:
    """Stands before a port from `with` to the end of its block; `connections` counts who came, also while it is cut.

    `delay`: seconds that whatever it passes on takes in each direction.
    """

    def __init__(self, target_port: int, delay: float = 0.0) -> None:
        self.port = 0
        self.connections = 0
        self.is_cut = False
        self._target_port = target_port
        self._delay = delay
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def __enter__(self) -> Proxy:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return self

    def __exit__(self, *_exception: type[BaseException] | BaseException | TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """End every connection by a reset, and from now on each new one at once."""
        self.is_cut = True
        self._loop.call_soon_threadsafe(self._reset_all)

    def mend(self) -> None:
        self.is_cut = False

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        self._server.close()
        self._reset_all()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*tasks, return_exceptions=True)

    def _reset_all(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.is_cut:
            writer.transport.abort()
            return
        there, here = await asyncio.open_connection("127.0.0.1", self._target_port)
        self._writers |= {writer, here}
        if self.is_cut:  # since it was asked for
            self._reset_all()
        try:
            await asyncio.gather(self._pass_on(reader, here), self._pass_on(there, writer))
        finally:
            self._writers -= {writer, here}

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await asyncio.sleep(self._delay)
                writer.write(data)
                await writer.drain()
        writer.close()
