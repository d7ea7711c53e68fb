"""Pages by key: the thousandth is as cheap as the first, and nothing is counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)

PAGE_SIZE = 50


@dataclass(frozen=True)
class Page(Generic[M]):
    """A page of rows, newest key first. `newer` and `older` are the query strings' values, None at either end."""

    rows: list[M]
    newer: int | None
    older: int | None


async def page_by_key(queryset: QuerySet[M], older: str | None, newer: str | None, size: int = PAGE_SIZE) -> Page[M]:
    """The page older than one key, or newer than another, or the newest. A key that is no number counts as absent."""
    older_than, newer_than = _key(older), _key(newer)
    if newer_than is not None:
        rows = [row async for row in queryset.filter(pk__gt=newer_than).order_by("pk")[: size + 1]]
        return _page(rows[:size][::-1], newer=len(rows) > size, older=True)
    if older_than is not None:
        queryset = queryset.filter(pk__lt=older_than)
    rows = [row async for row in queryset.order_by("-pk")[: size + 1]]
    return _page(rows[:size], newer=older_than is not None, older=len(rows) > size)


def _page(rows: list[M], *, newer: bool, older: bool) -> Page[M]:
    return Page(rows, rows[0].pk if newer and rows else None, rows[-1].pk if older and rows else None)


def _key(value: str | None) -> int | None:
    return int(value) if value and value.isdecimal() and len(value) < 19 else None
