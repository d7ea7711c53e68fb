"""Conditions that the ORM words too slowly: for a long list of keys, and for SQLite's partial indexes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.db.models import Lookup


class Among(Lookup):
    """`Among(F("pk"), ids)` in a filter: `pk__in` with one parameter, in a tenth of the ORM's time.

    PostgreSQL looks by hash among keys of the column's own type, and else goes through all of them for each row.
    """

    lookup_name = "among"
    prepare_rhs = False

    def __init__(self, column: Any, ids: Iterable[int]) -> None:
        super().__init__(column, list(ids))

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, parameters = self.process_lhs(compiler, connection)
        if connection.vendor == "postgresql":
            return f"{column} = ANY(%s::bigint[])", (*parameters, self.rhs)
        return f"{column} IN (SELECT value FROM json_each(%s))", (*parameters, json.dumps(self.rhs))  # noqa: S608


class Literally(Lookup):
    """`Literally(F("state"), words)` in a filter: one of these words of ours, written out.

    SQLite goes by a partial index only where the query has its very words, and no parameters in their place.
    """

    lookup_name = "literally"
    prepare_rhs = False

    def __init__(self, column: Any, words: Iterable[str]) -> None:
        super().__init__(column, tuple(words))

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, parameters = self.process_lhs(compiler, connection)
        words = [f"'{word}'" for word in self.rhs]
        return f"{column} = {words[0]}" if len(words) == 1 else f"{column} IN ({', '.join(words)})", tuple(parameters)
