"""The one clock for windows and leases: the database's, so that many machines agree."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

_shift = timedelta(0)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def db_now() -> datetime:
    """The database's time now, aware, in UTC. PostgreSQL's `now()` would stand still inside a transaction."""
    if connection.vendor != "postgresql":
        return timezone.now() + _shift  # SQLite has no clock but this machine's
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now + _shift


def db_now_in_sql() -> tuple[str, Any]:
    """`db_now()` for a statement that needs it besides: an expression, and its one parameter."""
    if connection.vendor != "postgresql":
        return "%s", connection.ops.adapt_datetimefield_value(db_now())
    return "clock_timestamp() + %s", _shift


@contextmanager
def shifted(by: timedelta) -> Iterator[None]:
    """Move this process's view of the database's time, for tests."""
    global _shift
    before, _shift = _shift, _shift + by
    try:
        yield
    finally:
        _shift = before


def microseconds() -> int:
    """This machine's time, in microseconds since 1970: a datetime takes five times as long to make, and to write."""
    return time.time_ns() // 1000


def moment_at(microseconds: int) -> datetime:
    """The aware moment so many microseconds after the beginning of 1970, in UTC."""
    return EPOCH + timedelta(microseconds=microseconds)


def microseconds_of(moment: datetime) -> int:
    """The other way round."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def seconds() -> float:
    """A count of seconds for durations and leases: it never jumps, and runs on while the machine sleeps."""
    return time.clock_gettime(CLOCK)
