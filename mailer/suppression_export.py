"""Suppressions as a CSV file, which no spreadsheet takes for more than text."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator

from django.db.models import QuerySet

from core.paging import newest_first
from mailer.models import Suppression

CHUNK = 2_000  # rows read at a time
COLUMNS = ("email", "reason", "source", "since", "lifted", "why lifted")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for the start of one


async def exported(suppressions: QuerySet[Suppression]) -> AsyncIterator[str]:
    """CSV, oldest first, read in pieces: a heading, then a line for each."""
    yield _line(COLUMNS)
    last = 0
    alone = newest_first(suppressions.select_related(None).defer(None)).reverse()
    while rows := [row async for row in alone.filter(pk__gt=last)[:CHUNK]]:
        yield "".join(_line(_cells(row)) for row in rows)
        last = rows[-1].pk


def _cells(row: Suppression) -> tuple[str, ...]:
    lifted = row.lifted_at.isoformat() if row.lifted_at else ""
    return row.address_key, row.reason, row.source, row.created_at.isoformat(), lifted, row.lift_reason


def _line(cells: tuple[str, ...]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(_fenced(cell) for cell in cells)
    return line.getvalue()


def _fenced(cell: str) -> str:
    """The cell, not to be taken for a formula by whoever opens the file."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def without_fence(cell: str) -> str:
    """The cell as it was before it was exported."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell
