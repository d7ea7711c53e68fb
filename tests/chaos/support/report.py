"""Every experiment's numbers, kept as lines of JSON, and shown by `python -m tests.chaos.support.report FILE`."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from django.db import connection

if TYPE_CHECKING:
    from tests.chaos.support.compare import Findings

HEADINGS = (
    "Experiment",
    "Database",
    "Mails",
    "Lost",
    "Duplicates",
    "Untracked",
    "Uncertain",
    "Bound",
    "Seconds",
    "Also",
)


@dataclass(frozen=True)
class Row:
    """`bound` is the most that may be uncertain. None where a number has no meaning."""

    experiment: str
    database: str
    mails: int | None = None
    lost: int | None = None
    duplicates: int | None = None
    untracked: int | None = None
    uncertain: int | None = None
    bound: int | None = None
    seconds: float = 0.0
    also: str = ""

    def save(self) -> None:
        """Add it to the file that CHAOS_REPORT names, if it does."""
        if path := os.environ.get("CHAOS_REPORT"):
            with Path(path).open("a") as file:
                file.write(json.dumps(asdict(self)) + "\n")


@dataclass
class Report:
    """Says what an experiment has found, before anything is asserted of it. `way` is how it was tried."""

    way: str = ""
    since: float = field(default_factory=time.monotonic)

    def add(self, experiment: str, found: Findings | None = None, bound: int | None = None, also: str = "") -> None:
        database = "PostgreSQL" if connection.vendor == "postgresql" else "SQLite"
        seconds, self.since = time.monotonic() - self.since, time.monotonic()
        numbers = found.numbers() if found else {}
        Row(f"{experiment}{self.way}", database, **numbers, bound=bound, seconds=seconds, also=also).save()


def table(rows: list[Row]) -> str:
    """In Markdown, its columns aligned for a terminal."""
    lines = [HEADINGS, *(tuple(_shown(value) for value in asdict(row).values()) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = tuple("-" * width for width in widths)
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in (lines[0], rule, *lines[1:])
    )


def _shown(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if isinstance(value, int | float) else str(value)


if __name__ == "__main__":
    saved = Path(sys.argv[1]).read_text().splitlines()
    print(table([Row(**json.loads(line)) for line in saved]))  # noqa: T201
