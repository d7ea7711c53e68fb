"""Two who want the same rows of PostgreSQL at the same time. SQLite has one writer: nobody comes in between there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest
from django.db import connection, transaction

from mailer.models import Delivery

T = TypeVar("T")

with_many_writers = pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one: nobody comes in between")


@contextmanager
def committed_once_somebody_waits(
    act: Callable[[], object], then: Callable[[], object] = lambda: None
) -> Iterator[None]:
    """Do it in another connection, and once the block waits for what it has locked, do the rest and commit both."""
    is_done = threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                act()
                is_done.set()
                wait_for_waiters()
                then()
        finally:
            is_done.set()

    with ThreadPoolExecutor(1) as other:
        holding = other.submit(done_and_closed, hold)
        assert is_done.wait(30)
        yield
        holding.result()


@contextmanager
def deadlocked_with(first: Callable[[], object], then: Callable[[], object]) -> Iterator[None]:
    """Lock what is first in another connection, then what the block has locked before it: PostgreSQL ends the block's
    transaction.

    Of two who wait for one another it ends who looks for that: once, after `deadlock_timeout` of waiting. So the block
    must not have looked before the other waits, however busy the machine is, and the other must look later.
    """

    def patiently() -> None:
        set_deadlock_timeout("1min")
        first()

    set_deadlock_timeout("3s")
    try:
        with committed_once_somebody_waits(patiently, then):
            yield
    finally:
        set_deadlock_timeout("1s")  # as PostgreSQL has it


def set_deadlock_timeout(time: str) -> None:
    """For this connection, where we are a superuser of PostgreSQL: others may not."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('deadlock_timeout', %s, false) FROM pg_roles WHERE rolname = current_user AND rolsuper",
            [time],
        )


def done_and_closed(act: Callable[[], T]) -> T:
    """For another thread: it leaves no connection open."""
    try:
        return act()
    finally:
        connection.close()


def lock_delivery(delivery_id: int) -> None:
    Delivery.objects.select_for_update().get(pk=delivery_id)


def wait_for_waiters(n: int = 1) -> None:
    """Until as many wait for a lock."""
    deadline = time.monotonic() + 30
    while _waiters() < n:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def wait_until_done_or_waiting(doing: Future[Any]) -> None:
    """Until it has been done in another thread, or somebody waits for a lock."""
    deadline = time.monotonic() + 30
    while not doing.done() and not _waiters():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# Of this database: other tests may be waiting in theirs, on the same server.
WAITERS = """
    SELECT count(*) FROM pg_locks AS waiting WHERE NOT granted AND EXISTS (
        SELECT FROM pg_locks AS its JOIN pg_database AS d ON d.oid = its.database
        WHERE its.pid = waiting.pid AND d.datname = current_database()
    )
"""


def _waiters() -> int:
    with connection.cursor() as cursor:
        cursor.execute(WAITERS)
        (n,) = cursor.fetchone()
    return int(n)
