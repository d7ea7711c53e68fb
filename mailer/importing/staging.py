"""Where judged rows wait until all of the file has been read: a table that this connection alone sees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, connection

from mailer.importing.judging import PersonRow

TABLE = "recipient_import"
COLUMNS = "line, address_key, email, full_name, comment, beginning"


@contextmanager
def staging_table() -> Iterator[None]:
    """The table, for as long as the block runs; on PostgreSQL inside a transaction, so that any pooler will do."""
    _execute(f"DROP TABLE IF EXISTS {TABLE}")
    _execute(
        f"CREATE TEMPORARY TABLE {TABLE} (line bigint PRIMARY KEY, address_key text, email text, full_name text, "
        "comment text, beginning text)"
    )
    try:
        yield
    finally:
        with suppress(DatabaseError):  # the transaction has failed, and takes the table with it
            _execute(f"DROP TABLE {TABLE}")


def stage(rows: Sequence[PersonRow]) -> None:
    """Put them into the table."""
    values = [(r.line, r.key, r.email, r.full_name, r.comment, r.beginning.replace("\0", "")) for r in rows]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {TABLE} ({COLUMNS}) FROM STDIN") as copy:
                for row in values:
                    copy.write_row(row)
        else:
            places = ", ".join(["%s"] * len(COLUMNS.split()))
            cursor.executemany(f"INSERT INTO {TABLE} ({COLUMNS}) VALUES ({places})", values)  # noqa: S608


@dataclass(frozen=True)
class Repeated:
    """A row whose address was on an earlier line."""

    line: int
    beginning: str
    first_line: int


def take_out_repeated(most: int) -> tuple[list[Repeated], int]:
    """Of each address leave the first row alone; the first `most` of the others, and how many there were."""
    _execute(f"CREATE INDEX {TABLE}_by_key ON {TABLE} (address_key, line)")
    n = int(_rows(f"SELECT COUNT(*) - COUNT(DISTINCT address_key) FROM {TABLE}")[0][0])  # noqa: S608
    if n == 0:
        return [], 0
    numbered = f"SELECT line, beginning, MIN(line) OVER (PARTITION BY address_key) AS first FROM {TABLE}"  # noqa: S608
    found = _rows(f"SELECT * FROM ({numbered}) AS numbered WHERE line > first ORDER BY line LIMIT %s", most)  # noqa: S608
    _execute(f"DELETE FROM {TABLE} WHERE line IN (SELECT line FROM ({numbered}) AS numbered WHERE line > first)")  # noqa: S608
    return [Repeated(*row) for row in found], n


def chunks(size: int) -> Iterator[tuple[int, int, int]]:
    """The table in chunks, in the file's order: the line before each, its last line, and how many rows it has."""
    after = 0
    while True:
        lines = f"SELECT line FROM {TABLE} WHERE line > %s ORDER BY line LIMIT %s"  # noqa: S608
        last, n = _rows(f"SELECT MAX(line), COUNT(*) FROM ({lines}) AS chunk", after, size)[0]  # noqa: S608
        if n == 0:
            return
        yield after, last, n
        after = last


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _rows(query: str, *parameters: int) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())
