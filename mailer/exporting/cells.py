"""Cells of a CSV file that no spreadsheet takes for more than text, and back."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import datetime

Cell = str | int | datetime | None

FORMULA = re.compile(r"'*[=+\-@\t\r]")  # what a spreadsheet takes for the start of one, or that with a fence before it


def written(lines: Iterable[Sequence[Cell]]) -> str:
    """The lines as CSV: moments in ISO 8601 with their offset, nothing for None."""
    text = io.StringIO()
    csv.writer(text).writerows([_fenced(_text(cell)) for cell in line] for line in lines)
    return text.getvalue()


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    return cell.isoformat() if isinstance(cell, datetime) else str(cell)


def _fenced(cell: str) -> str:
    """The cell, not to be taken for a formula by whoever opens the file."""
    return f"'{cell}" if FORMULA.match(cell) else cell


def without_fence(cell: str) -> str:
    """The cell as it was before it was exported."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell
