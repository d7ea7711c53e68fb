"""Recipients from a CSV file: every row is read and judged first, then the good ones are written in one transaction.

However long the file is, only a chunk of it is in memory: what was judged waits in a table of this connection alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import IO

from django.db import connection, transaction
from django.utils.translation import gettext as _

from core.models import User
from mailer.importing.judging import InvalidRow, PersonRow, judged_rows
from mailer.importing.reading import LARGEST_FILE, UnreadableFile, opened
from mailer.importing.staging import Repeated, stage, staging_table, take_out_repeated
from mailer.importing.writing import write_recipients

__all__ = ["LARGEST_FILE", "ImportReport", "InvalidRow", "UnreadableFile", "import_recipients"]

CHUNK = 5_000  # rows
MOST_REPORTED = 500  # invalid rows


@dataclass(frozen=True)
class ImportReport:
    """How many came in, and how many were left out: `invalid` has the first of them, in the file's order."""

    added: int
    updated: int
    unchanged: int
    left_out: int
    invalid: list[InvalidRow]


def import_recipients(owner: User, data: bytes | str | IO[bytes]) -> ImportReport:
    """Add and update the owner's recipients; an empty cell changes nothing. Of one address the first row counts.

    Columns go by their headings, or without any by the order email, full name, comment. Raises UnreadableFile.
    """
    with opened(data) as text, _one_transaction(), staging_table():
        invalid, n_invalid = _stage_all(judged_rows(text))
        repeated, n_repeated = take_out_repeated(MOST_REPORTED)
        written = write_recipients(owner)
    told = sorted([*invalid, *map(_invalid, repeated)], key=lambda row: row.line)[:MOST_REPORTED]
    return ImportReport(written.added, written.updated, written.unchanged, n_invalid + n_repeated, told)


def _one_transaction() -> AbstractContextManager[object]:
    """All in one, where others may write meanwhile. On SQLite only the writing is: reading may take long."""
    return transaction.atomic() if connection.features.has_select_for_update else nullcontext()


def _stage_all(rows: Iterable[PersonRow | InvalidRow]) -> tuple[list[InvalidRow], int]:
    """Stage the people; the first of the rows that are none, and how many these are."""
    people: list[PersonRow] = []
    invalid: list[InvalidRow] = []
    n_invalid = 0
    for row in rows:
        if isinstance(row, InvalidRow):
            n_invalid += 1
            if n_invalid <= MOST_REPORTED:
                invalid.append(row)
            continue
        people.append(row)
        if len(people) == CHUNK:
            stage(people)
            people.clear()
    stage(people)
    return invalid, n_invalid


def _invalid(row: Repeated) -> InvalidRow:
    return InvalidRow(row.line, row.beginning, _("The same address is on line %(line)d.") % {"line": row.first_line})
