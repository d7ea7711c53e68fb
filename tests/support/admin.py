"""What the admin's pages cost."""

from __future__ import annotations

import re
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext


def queries_of(client: Client, path: str, **parameters: Any) -> list[str]:
    """The queries that a page takes, which must answer 200."""
    with CaptureQueriesContext(connection) as captured:
        response = client.get(path, parameters)
    assert response.status_code == 200, (path, parameters, response.status_code)
    return [query["sql"] for query in captured.captured_queries]


def unbounded_counts(queries: list[str]) -> list[str]:
    """Of the queries those that count a table of the product to its end."""
    counts = [query for query in queries if re.search(r"\bCOUNT\(", query) and "mailer_" in query]
    return [query for query in counts if not re.search(r"LIMIT 10000\b", query)]
