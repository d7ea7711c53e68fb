"""Lists of addresses that are to be suppressed: read from files and texts, row by row."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import IO, TextIO

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from mailer.addresses import address_key, clean_address
from mailer.consent import Ground, suppress
from mailer.exporting.cells import without_fence
from mailer.importing.judging import HEADINGS, SHOWN, InvalidRow
from mailer.importing.reading import opened

BATCH = 1_000  # addresses in one transaction; senders record in between
MOST_INVALID = 500  # rows kept of those that were left out


@dataclass
class Report:
    """What became of a list: how many addresses are new, were suppressed for this reason already, or are none."""

    added: int = 0
    known: int = 0
    left_out: int = 0
    invalid: list[InvalidRow] = field(default_factory=list)  # the first of those left out

    def leave_out(self, row: InvalidRow) -> None:
        self.left_out += 1
        if self.left_out <= MOST_INVALID:
            self.invalid.append(row)


def suppress_list(ground: Ground, listed: IO[bytes] | str) -> Report:
    """Suppress every address of a CSV or text file, or of such a text.

    Of a table with a heading row its column of addresses counts, else whatever has an @-sign. Raises UnreadableFile,
    before anything is done.
    """
    report = Report()
    batch: set[str] = set()
    with opened(listed) as text:
        for found in _addresses(text):
            if isinstance(found, InvalidRow):
                report.leave_out(found)
                continue
            batch.add(found)
            if len(batch) == BATCH:
                _write(ground, batch, report)
                batch = set()
        _write(ground, batch, report)
    return report


def _write(ground: Ground, keys: set[str], report: Report) -> None:
    added = suppress(ground, keys) if keys else 0
    report.added += added
    report.known += len(keys) - added


def _addresses(text: TextIO) -> Iterator[str | InvalidRow]:
    """The keys of the addresses, row by row."""
    rows = _rows(text)
    first = next(rows, None)
    if first is None:
        return
    column = _column(first)
    for line, cells in rows if column is not None else chain([first], rows):
        for cell in _meant(cells, column):
            try:
                yield address_key(clean_address(cell))
            except ValidationError as error:
                yield InvalidRow(line, cell[:SHOWN], " ".join(error.messages))


def _rows(text: TextIO) -> Iterator[tuple[int, list[str]]]:
    """Rows that say something, each with the line in which it ends."""
    delimiter = max(",;\t", key=text.readline().count)
    text.seek(0)
    reader = csv.reader(text, delimiter=delimiter)
    while True:
        try:
            cells = [without_fence(cell.strip()) for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error:  # a cell without end
            cells = [_("A cell is far too long.")]
        if any(cells):
            yield reader.line_num, cells


def _column(row: tuple[int, list[str]]) -> int | None:
    """Where a heading row has the addresses; None for a row that is no heading."""
    names = [cell.lower() in HEADINGS["email"] for cell in row[1]]
    return names.index(True) if any(names) else None


def _meant(cells: list[str], column: int | None) -> list[str]:
    """The cells of a row that are to be addresses."""
    if column is not None:
        return [cells[column] if column < len(cells) else ""]
    return [cell for cell in cells if "@" in cell] or [" ".join(cells)]
