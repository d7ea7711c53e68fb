"""The engine's thread for the database, and what it takes for a database that has gone."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import pytest
from asgiref.sync import async_to_sync
from django.db import InternalError, OperationalError, connection, transaction

from mailer.delivery.database import DatabaseThread, Listener

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor == 'sqlite'", reason="PostgreSQL ends such sessions, SQLite has none."),
]


def sleep_within_a_transaction() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = '20ms'")
        time.sleep(0.2)
        cursor.execute("SELECT 1")


def fail() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        try:
            cursor.execute("SELECT 1 / 0")
        except Exception:
            cursor.execute("SELECT 1")


def select() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return int(cursor.fetchone()[0])


async def test_a_session_ended_for_its_sleep_is_a_database_away_and_the_next_call_reconnects() -> None:
    database = DatabaseThread()
    try:
        with pytest.raises(OperationalError):
            await database(sleep_within_a_transaction)
        assert await database(select) == 1
    finally:
        await database.close()


async def test_a_bug_is_no_database_away() -> None:
    database = DatabaseThread()
    try:
        with pytest.raises(InternalError, match="aborted"):
            await database(fail)
    finally:
        await database.close()


async def test_nobody_may_sleep_within_a_transaction_for_long() -> None:
    database = DatabaseThread()

    def limit() -> str:
        with connection.cursor() as cursor:
            cursor.execute("SHOW idle_in_transaction_session_timeout")
            return str(cursor.fetchone()[0])

    try:
        assert await database(limit) == "30s"
    finally:
        await database.close()


class Heard(Listener):
    def __init__(self) -> None:
        self.words: list[str] = []

    def answered(self) -> None:
        self.words.append("answered")

    def lost(self) -> None:
        self.words.append("lost")

    def found(self) -> None:
        self.words.append("found")


async def test_it_tells_of_each_answer_and_of_what_it_asks_again() -> None:
    database = DatabaseThread()
    database.listener = heard = Heard()
    asked: list[Callable[[], object]] = [select, sleep_within_a_transaction]
    try:
        await database(select)
        await asyncio.sleep(0)
        assert heard.words == ["answered", "answered"]  # the statement, and the whole
        heard.words.clear()
        await database.patiently(lambda: asked.pop()())
    finally:
        await database.close()
    assert heard.words == ["answered", "lost", "answered", "answered", "found"]


async def test_it_is_closed_once_what_runs_there_is_done_though_that_waits_for_the_loop() -> None:
    """As a change of status does, to tell the page of it after its commit."""
    database = DatabaseThread()
    has_begun, may_go_on, told = threading.Event(), threading.Event(), []

    async def tell() -> None:
        told.append("committed")

    def change() -> None:
        has_begun.set()
        may_go_on.wait(30)
        async_to_sync(tell)()

    changing = asyncio.create_task(database(change))
    await asyncio.to_thread(has_begun.wait)
    changing.cancel()
    threading.Timer(0.05, may_go_on.set).start()
    async with asyncio.timeout(30):
        await database.close()
    assert told == ["committed"]
