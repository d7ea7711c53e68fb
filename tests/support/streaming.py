"""What is sent while it is made."""

from __future__ import annotations

import csv
import io
from typing import Any

from asgiref.sync import async_to_sync
from django.test import Client


def downloaded(page: Client, address: str) -> str:
    """The text of a file that is streamed."""
    response: Any = page.get(address)

    async def read() -> bytes:
        return b"".join([part async for part in response.streaming_content])

    return async_to_sync(read)().decode()


def table_at(page: Client, address: str) -> list[dict[str, str]]:
    """The rows of a CSV file that is streamed, by their headings."""
    return list(csv.DictReader(io.StringIO(downloaded(page, address), newline="")))
