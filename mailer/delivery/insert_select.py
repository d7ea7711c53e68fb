"""INSERT … SELECT, which the ORM lacks: rows made from rows inside the database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Model, QuerySet
from django.db.models.expressions import Combinable


def insert_select(
    model: type[Model], rows: QuerySet[Any], values: Mapping[str, Combinable], *, holds_rows: bool = False
) -> int:
    """Make one of `model` from each of the rows, but for those that a constraint forbids. Returns how many are new.

    `values` says of each column what it is in terms of the row. The SELECT is the ORM's. `holds_rows` is for those that
    the new ones point to: none is deleted until the transaction ends, and one that is just being deleted is left out.
    """
    selected = rows.annotate(**{f"new_{column}": value for column, value in values.items()})
    try:
        select, parameters = selected.values_list(*(f"new_{column}" for column in values)).query.sql_with_params()
    except EmptyResultSet:  # as of `pk__in=[]`: the ORM knows that there are none, and has no SQL for it
        return 0
    columns = ", ".join(connection.ops.quote_name(column) for column in values)
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        lock = _share_lock(rows) if holds_rows else ""
        cursor.execute(f"INSERT INTO {table} ({columns}) {select} {lock} ON CONFLICT DO NOTHING", parameters)
        return int(cursor.rowcount)


def _share_lock(rows: QuerySet[Any]) -> str:
    """What a foreign key would lock as the transaction ends. The ORM does not know it, and SQLite needs none."""
    if not connection.features.has_select_for_update:
        return ""
    return f"FOR KEY SHARE OF {connection.ops.quote_name(rows.model._meta.db_table)}"
