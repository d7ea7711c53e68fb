"""Many rows as one value: what goes in comes out, to the microsecond."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection

from core.clock import microseconds_of, moment_at
from mailer.delivery.rowset import moment_of, rows_parameter, table_of

pytestmark = pytest.mark.django_db

MOMENTS = [
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2026, 11, 26, 7, 59, 59, 999_999, tzinfo=UTC),
    datetime(2026, 11, 26, 8, 0, 0, 1, tzinfo=UTC),
    datetime(2038, 1, 19, 3, 14, 8, 123_457, tzinfo=UTC),
    datetime(2099, 12, 31, 23, 59, 59, 500_001, tzinfo=UTC),
]


def read(columns: dict[str, str], rows: list[tuple[object, ...]]) -> list[tuple[str | None, ...]]:
    texts = ", ".join(f"CAST({name} AS text)" for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {texts} FROM {table_of(columns)} AS r", [rows_parameter(rows)])  # noqa: S608
        return list(cursor.fetchall())


def test_microseconds_become_the_moment_that_they_are() -> None:
    found = read({"at": "microseconds"}, [(microseconds_of(moment),) for moment in MOMENTS])
    assert [moment_of(text) for (text,) in found if text] == MOMENTS
    assert [moment_at(microseconds_of(moment)) for moment in MOMENTS] == MOMENTS


def test_what_is_left_out_or_empty_is_null() -> None:
    columns = {"id": "bigint", "name": "text", "at": "microseconds"}
    assert read(columns, [(1,), (2, None, None)]) == [("1", None, None), ("2", None, None)]


def test_text_is_data_whatever_is_in_it() -> None:
    words = ["", "%s", "'; --", '"quoted"', "back\\slash", "Ünïcödé 🙂", "two\nlines"]
    assert read({"name": "text"}, [(word,) for word in words]) == [(word,) for word in words]
