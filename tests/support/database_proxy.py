"""Stands between us and PostgreSQL: to be cut and mended, and to lose the answer to a statement."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.db import connection


class DatabaseProxy:
    """On 127.0.0.1, before the server at that address. Made by `proxied_database`."""

    def __init__(self, host: str, port: int) -> None:
        self.port = 0
        self.answers_lost = 0
        self._host, self._target_port = host, port
        self._is_cut = False
        self._marker: bytes | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="database proxy", daemon=True)

    def start(self) -> None:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """End every connection, and each new one."""
        self._is_cut = True
        asyncio.run_coroutine_threadsafe(self._abort_all(), self._loop).result()

    def mend(self) -> None:
        self._is_cut = False

    def lose_answer_to(self, marker: bytes) -> None:
        """Once: pass on the statement with these bytes, which commits by itself; cut the connection at its answer."""
        self._marker = marker

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        self._server.close()
        await self._abort_all()
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)

    async def _abort_all(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        from_server, to_server = await asyncio.open_connection(self._host, self._target_port)
        if self._is_cut:  # meanwhile
            writer.transport.abort()
            to_server.transport.abort()
            return
        self._writers |= {writer, to_server}
        is_losing = asyncio.Event()

        async def upwards() -> None:
            while data := await reader.read(65536):
                if self._marker is not None and self._marker in data:
                    self._marker = None
                    is_losing.set()
                to_server.write(data)
            to_server.close()

        async def downwards() -> None:
            while data := await from_server.read(65536):
                if is_losing.is_set():
                    self.answers_lost += 1
                    break
                writer.write(data)
            writer.transport.abort()

        with suppress(OSError):
            await asyncio.gather(upwards(), downwards(), return_exceptions=True)
        self._writers -= {writer, to_server}


@contextmanager
def proxied_database() -> Iterator[DatabaseProxy]:
    """Until the end of the block this process reaches its database through a proxy alone."""
    direct: dict[str, Any] = dict(connection.settings_dict)
    proxy = DatabaseProxy(direct["HOST"], int(direct["PORT"]))
    proxy.start()
    try:
        _point_to("127.0.0.1", str(proxy.port))
        yield proxy
    finally:
        proxy.mend()
        _point_to(direct["HOST"], direct["PORT"])
        proxy.stop()


def _point_to(host: str, port: str) -> None:
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # of PostgreSQL's backend alone
    connection.settings_dict.update(HOST=host, PORT=port)
