"""A thread of the engine's own for the database: what is asked there runs there, one thing after another."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import chain, repeat
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import InterfaceError, InternalError, OperationalError, connection, connections

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

DATABASE_GONE = (OperationalError, InterfaceError)
SLEPT_IN_TRANSACTION = "25P03"  # PostgreSQL has ended the session, and says so by an InternalError
RECONNECT_PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)  # seconds; the last one again and again


class Listener:
    """Hears of the database on the event loop."""

    def answered(self) -> None:
        """It has just answered, whatever it was asked."""

    def lost(self) -> None:
        """It has failed in something that will be asked again until it succeeds."""

    def found(self) -> None:
        """That has succeeded, or is not asked for any more."""


class DatabaseThread:
    """Awaited like a function: `await database(record, worker_id, results)`. Its `listener` may be replaced."""

    def __init__(self, name: str = "engine-database") -> None:
        self._executor = ThreadPoolExecutor(1, name)
        self._in_doubt: set[object] = set()  # what failed, and is being asked again
        self.listener = Listener()

    @property
    def is_in_doubt(self) -> bool:
        """On its thread: whether something failed that may be committed all the same, and will be asked again."""
        return bool(self._in_doubt)

    async def __call__(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function there. Raises what it raises; after one of DATABASE_GONE the next call reconnects."""
        loop = asyncio.get_running_loop()

        def on_thread() -> R:
            with connection.execute_wrapper(telling):
                return _reconnecting(function, *args, **kwargs)

        def telling(execute: Callable[..., Any], *statement: Any) -> Any:
            answer = execute(*statement)
            loop.call_soon_threadsafe(self.listener.answered)
            return answer

        result = await sync_to_async(on_thread, thread_sensitive=False, executor=self._executor)()
        self.listener.answered()  # as it has its COMMIT too
        return result

    async def patiently(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run it, and again for as long as the database is away."""
        mine = object()

        def noting_doubt() -> R:
            self._in_doubt.add(mine)
            result = function(*args, **kwargs)
            self._in_doubt.discard(mine)
            return result

        with ExitStack() as when_found:
            when_found.callback(self._in_doubt.discard, mine)
            for pause in chain(RECONNECT_PAUSES, repeat(RECONNECT_PAUSES[-1])):
                try:
                    return await self(noting_doubt)
                except DATABASE_GONE as error:
                    logger.warning("The database is away: %s", error)
                    self.listener.lost()
                    when_found.callback(self.listener.found)
                    await asyncio.sleep(pause)
        raise AssertionError("the pauses never end")

    async def close(self) -> None:
        """Once what runs there is done, give the connection back and end the thread.

        The loop goes on meanwhile: what runs there may wait for it, to tell of a commit.
        """
        await asyncio.get_running_loop().run_in_executor(self._executor, connections.close_all)
        self._executor.shutdown()


def _reconnecting(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    try:
        return function(*args, **kwargs)
    except DATABASE_GONE:
        connection.close()  # a connection that broke once stays broken
        raise
    except InternalError as error:
        if getattr(error.__cause__, "sqlstate", "") != SLEPT_IN_TRANSACTION:
            raise
        connection.close()
        raise OperationalError(str(error)) from error
