"""The engine's own thread for the database: everything it asks runs there, one thing after another."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, repeat
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import InterfaceError, InternalError, OperationalError, connection, connections

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

# The last one where the server ended a transaction that stood still too long, or has become a read-only copy.
DATABASE_GONE = (OperationalError, InterfaceError, InternalError)
RECONNECT_PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)  # seconds; the last one again and again


class DatabaseThread:
    """Awaited like a function: `await database(record, worker_id, results)`."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, "engine-database")

    async def __call__(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function there. Raises what it raises; after one of DATABASE_GONE the next call reconnects."""
        on_thread: Callable[..., Any] = sync_to_async(_reconnecting, thread_sensitive=False, executor=self._executor)
        result: R = await on_thread(function, *args, **kwargs)
        return result

    async def patiently(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run it, and again for as long as the database is away."""
        for pause in chain(RECONNECT_PAUSES, repeat(RECONNECT_PAUSES[-1])):
            try:
                return await self(function, *args, **kwargs)
            except DATABASE_GONE as error:
                logger.warning("The database is away: %s", error)
                await asyncio.sleep(pause)
        raise AssertionError("the pauses never end")

    def close(self) -> None:
        """Give the connection back and end the thread."""
        self._executor.submit(connections.close_all).result()
        self._executor.shutdown()


def _reconnecting(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    try:
        return function(*args, **kwargs)
    except DATABASE_GONE:
        connection.close()  # a connection that broke once stays broken
        raise
