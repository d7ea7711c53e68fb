"""Pages by key: the thousandth is as cheap as the first, and nothing is counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import F, Lookup, Model, QuerySet

M = TypeVar("M", bound=Model)

PAGE_SIZE = 50


@dataclass(frozen=True)
class Page(Generic[M]):
    """A page of rows, newest key first. `newer` and `older` are the query strings' values, None at either end."""

    rows: list[M]
    newer: int | None
    older: int | None


class Only(Lookup):
    """`column = key`, but PostgreSQL does not see that it makes the column the same in all rows."""

    lookup_name = "only"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, parameters = self.process_lhs(compiler, connection)
        is_it = "= ANY(ARRAY[%s]::bigint[])" if connection.vendor == "postgresql" else "= %s"
        return f"{column} {is_it}", (*parameters, self.rhs)


class ByKey(Lookup):
    """`column = key`, but SQLite reads along the primary key: by an index of the column it would sort all its rows."""

    lookup_name = "by_key"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, parameters = self.process_lhs(compiler, connection)
        return f"{'+' if connection.vendor == 'sqlite' else ''}{column} = %s", (*parameters, self.rhs)


def within(queryset: QuerySet[M], along: str, key: int) -> QuerySet[M]:
    """Those of the queryset with this key in the column `along`, for pages by key, and where others have millions.

    A minus before it says that the index which begins with the column has the newest last. Ordered by the column first,
    the rows can be read along that index alone. Otherwise PostgreSQL, where it thinks that every third row is one of
    them, goes through everybody's, newest first, and these may be the oldest.
    """
    return queryset.filter(Only(F(along.removeprefix("-")), key)).order_by(along)


async def page_by_key(queryset: QuerySet[M], older: str | None, newer: str | None, size: int = PAGE_SIZE) -> Page[M]:
    """The page older than one key, or newer than another, or the newest. A key that is no number counts as absent."""
    older_than, newer_than = _key(older), _key(newer)
    queryset = newest_first(queryset)
    if newer_than is not None:
        rows = [row async for row in queryset.filter(pk__gt=newer_than).reverse()[: size + 1]]
        return _page(rows[:size][::-1], newer=len(rows) > size, older=True)
    if older_than is not None:
        queryset = queryset.filter(pk__lt=older_than)
    rows = [row async for row in queryset[: size + 1]]
    return _page(rows[:size], newer=older_than is not None, older=len(rows) > size)


def newest_first(queryset: QuerySet[M]) -> QuerySet[M]:
    """By key, after what `within` has ordered it by."""
    return queryset.order_by(*queryset.query.order_by, "-pk")


def _page(rows: list[M], *, newer: bool, older: bool) -> Page[M]:
    return Page(rows, rows[0].pk if newer and rows else None, rows[-1].pk if older and rows else None)


def _key(value: str | None) -> int | None:
    return int(value) if value and value.isdecimal() and len(value) < 19 else None
