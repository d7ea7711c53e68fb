"""INSERT … SELECT, which the ORM lacks: rows made from rows inside the database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connection
from django.db.models import Model, QuerySet
from django.db.models.expressions import Combinable


def insert_select(
    model: type[Model], rows: QuerySet[Any], values: Mapping[str, Combinable], keeping: type[Model] | None = None
) -> int:
    """Make one of `model` from each of the rows, but for those that a constraint forbids. Returns how many are new.

    `values` says of each column what it is in terms of the row. The SELECT is the ORM's. Rows of the table `keeping`
    are not deleted before the transaction ends: what a foreign key asks at its end, asked as they are read.
    """
    selected = rows.annotate(**{f"new_{column}": value for column, value in values.items()})
    select, parameters = selected.values_list(*(f"new_{column}" for column in values)).query.sql_with_params()
    columns = ", ".join(connection.ops.quote_name(column) for column in values)
    table = connection.ops.quote_name(model._meta.db_table)
    if keeping is not None and connection.features.has_select_for_update:  # the ORM knows no lock as weak as this one
        select += f" FOR KEY SHARE OF {connection.ops.quote_name(keeping._meta.db_table)}"
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} ({columns}) {select} ON CONFLICT DO NOTHING", parameters)
        return int(cursor.rowcount)
