"""A queryset → a CSV file that is sent while it is read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeVar

from asgiref.sync import sync_to_async
from django.db.models import Model, QuerySet
from django.http import StreamingHttpResponse
from django.utils import timezone

from core.paging import newest_first
from mailer.exporting.cells import written
from mailer.exporting.tables import Table

M = TypeVar("M", bound=Model)

CHUNK = 2_000  # rows read at a time


def csv_file(name: str, rows: QuerySet[M], table: Table[M]) -> StreamingHttpResponse:
    """The rows, to be kept as a file with this name and today's date."""
    response = StreamingHttpResponse(exported(rows, table), content_type="text/csv; charset=utf-8")
    today = timezone.localdate().isoformat()
    response["Content-Disposition"] = f'attachment; filename="{name}-{today}.csv"'
    return response


async def exported(rows: QuerySet[M], table: Table[M]) -> AsyncIterator[str]:
    """CSV, oldest first, read in pieces: a heading, then a line for each."""
    yield written([table.columns])
    last = 0
    ordered = newest_first(rows).reverse()
    while chunk := [row async for row in ordered.filter(pk__gt=last)[:CHUNK]]:
        yield await sync_to_async(_lines)(chunk, table)
        last = chunk[-1].pk


def _lines(chunk: list[M], table: Table[M]) -> str:
    return written(table.lines(chunk))
