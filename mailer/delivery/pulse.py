"""Signs of life from PostgreSQL, asked for by the event loop itself on a connection of its own.

The thread's answers come too seldom: while the one statement of a batch runs, hundreds of mails may go.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable

import psycopg
from django.db import connection
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn

from core.clock import seconds

logger = logging.getLogger(__name__)

CONNECT_AGAIN = 0.5  # seconds
LONGEST_ANSWER = 5.0  # seconds; then the line is dead, whatever TCP still hopes for
NOTHING = b""  # the empty query: PostgreSQL says that it was empty


class Pulse:
    """`heard` is called at each answer. SQLite has no server, and so no pulse."""

    def __init__(self, heard: Callable[[], None]) -> None:
        self._heard = heard
        self._line: PGconn | None = None
        self._is_owed = False  # an answer
        self._asked_at = 0.0
        self._is_broken = asyncio.Event()

    async def keep(self) -> None:
        """Stay connected, until cancelled."""
        while connection.vendor == "postgresql":
            try:
                await self._listen(await _connect())
            except psycopg.Error as error:
                logger.debug("No pulse: %s", error)
            await asyncio.sleep(CONNECT_AGAIN)

    def ask(self) -> None:
        """Ask for a sign of life, unless one is asked for already or there is no connection."""
        if self._line is None:
            return
        if self._is_owed:
            if seconds() > self._asked_at + LONGEST_ANSWER:
                self._is_broken.set()
            return
        try:
            self._line.send_query(NOTHING)
            self._is_owed, self._asked_at = True, seconds()
        except psycopg.Error:
            self._is_broken.set()

    async def _listen(self, opened: psycopg.AsyncConnection) -> None:
        """Until the connection is broken."""
        loop = asyncio.get_running_loop()
        watched = os.dup(opened.pgconn.socket)  # libpq closes its own as soon as the connection is broken
        self._is_owed = False
        self._is_broken.clear()
        self._line = opened.pgconn
        loop.add_reader(watched, self._read, opened.pgconn)
        try:
            await self._is_broken.wait()
        finally:
            self._line = None
            loop.remove_reader(watched)
            os.close(watched)
            await opened.close()  # which waits for nothing

    def _read(self, line: PGconn) -> None:
        try:
            line.consume_input()
        except psycopg.Error:
            self._is_broken.set()
            return
        while self._is_owed and not line.is_busy():
            answer = line.get_result()
            if answer is None:
                self._is_owed = False
            elif answer.status == ExecStatus.EMPTY_QUERY:  # and not its last words
                self._heard()


async def _connect() -> psycopg.AsyncConnection:
    parameters = connection.get_connection_params()
    del parameters["cursor_factory"]  # Django's own, which waits
    return await psycopg.AsyncConnection.connect(**parameters, autocommit=True)
