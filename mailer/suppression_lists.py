"""Lists of addresses as files: read into suppressions, and written from them, row by row."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import IO, TextIO

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from mailer.addresses import address_key, clean_address
from mailer.consent import Ground, suppress
from mailer.importing import HEADINGS, SHOWN, InvalidRow, UnreadableFile
from mailer.models import Suppression

BATCH = 1_000  # addresses in one transaction; senders record in between
CHUNK = 2_000  # rows of an export
MOST_INVALID = 500  # rows kept of those that were left out

COLUMNS = ("email", "reason", "source", "since", "lifted", "why lifted")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for the start of one


@dataclass
class Report:
    """What became of a list: how many addresses are new, were suppressed for this reason already, or are none."""

    added: int = 0
    known: int = 0
    left_out: int = 0
    invalid: list[InvalidRow] = field(default_factory=list)  # the first of those left out


def suppress_list(ground: Ground, listed: IO[bytes] | str) -> Report:
    """Suppress every address of a CSV or text file, or of such a text. Told again, it changes nothing.

    Of a table with a heading row its column of addresses counts, else whatever has an @-sign. Raises UnreadableFile,
    before anything is done.
    """
    text: TextIO = io.StringIO(listed, newline="") if isinstance(listed, str) else _decoded(listed)
    report = Report()
    batch: set[str] = set()
    for found in _addresses(text):
        if isinstance(found, InvalidRow):
            report.left_out += 1
            report.invalid += [found] if report.left_out <= MOST_INVALID else []
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


def _decoded(file: IO[bytes]) -> TextIO:
    """The file as text. Read through once, so that nothing is done where a part of it can't be read."""
    beginning = file.read(2)
    encoding = "utf-16" if beginning in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    file.seek(0)
    text = io.TextIOWrapper(file, encoding, newline="")
    line = 0
    try:
        for line, _text in enumerate(text, 1):  # noqa: B007 - the number is what an error tells
            continue
    except UnicodeError as error:
        raise UnreadableFile(
            _("The file is not in UTF-8: line %(line)d cannot be read. Save it as “CSV UTF-8” and try again.")
            % {"line": line + 1}
        ) from error
    if not line:
        raise UnreadableFile(_("The file is empty."))
    text.seek(0)
    return text


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
            cells = [_without_fence(cell.strip()) for cell in next(reader)]
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


async def exported(suppressions: QuerySet[Suppression]) -> AsyncIterator[str]:
    """CSV, oldest first, read in pieces: a heading, then a line for each."""
    yield _line(COLUMNS)
    last = 0
    while rows := [row async for row in suppressions.filter(pk__gt=last).order_by("pk")[:CHUNK]]:
        yield "".join(_line(_cells(row)) for row in rows)
        last = rows[-1].pk


def _cells(row: Suppression) -> tuple[str, ...]:
    lifted = row.lifted_at.isoformat() if row.lifted_at else ""
    return row.address_key, row.reason, row.source, row.created_at.isoformat(), lifted, row.lift_reason


def _line(cells: tuple[str, ...]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(_fenced(cell) for cell in cells)
    return line.getvalue()


def _fenced(cell: str) -> str:
    """The cell, not to be taken for a formula by whoever opens the file."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def _without_fence(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell
