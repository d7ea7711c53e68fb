"""The file's rows: which are a person's, and what is wrong with those that are none."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from mailer.addresses import address_key, clean_address
from mailer.exporting.cells import without_fence

SHOWN = 80  # characters of an invalid row

LIMITS = {"email": 254, "full_name": 200, "comment": 2000}
COLUMNS = tuple(LIMITS)
HEADINGS = {
    "email": ("email", "e-mail", "mail", "address", "почта", "эл. почта", "адрес"),
    "full_name": ("full_name", "full name", "name", "имя", "фио"),
    "comment": ("comment", "comments", "note", "комментарий", "примечание"),
}


@dataclass(frozen=True, slots=True)
class InvalidRow:
    """A row that was left out. `line` counts from 1, in the file; `text` is its beginning."""

    line: int
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A row that names a person; `beginning` is its beginning, to be shown where the same address came before."""

    line: int
    key: str
    email: str
    full_name: str
    comment: str
    beginning: str


@dataclass(frozen=True, slots=True)
class Row:
    line: int
    cells: list[str]


class InvalidCells(ValueError):
    """Why a row cannot become a recipient."""


def judged_rows(text: TextIO) -> Iterator[PersonRow | InvalidRow]:
    """Each row but the heading and blank ones, in the file's order; what was read is forgotten."""
    columns: tuple[str, ...] | None = None
    for row in _rows(text):
        if isinstance(row, InvalidRow):
            yield row
            continue
        if columns is None:
            columns = _columns_of(row.cells) or COLUMNS
            if columns is not COLUMNS:
                continue
        beginning = ", ".join(row.cells)[:SHOWN]
        try:
            yield _person(row, columns, beginning)
        except InvalidCells as error:
            yield InvalidRow(row.line, beginning, str(error))


def _rows(text: TextIO) -> Iterator[Row | InvalidRow]:
    delimiter = _delimiter(text)
    text.seek(0)
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield InvalidRow(line, "", _broken(error))
            continue
        if any(cell.strip() for cell in cells):
            yield Row(line, cells)


def _delimiter(text: TextIO) -> str:
    heading = next((line for line in text if line.strip("\r\n")), "")
    return max(",;\t", key=heading.count)


def _broken(error: csv.Error) -> str:
    if "end of data" in str(error):
        return _("A quotation mark is opened here and never closed.")
    if "field limit" in str(error):
        return _("A cell is far too long.")
    return _("The quotation marks do not match.")


def _columns_of(cells: list[str]) -> tuple[str, ...] | None:
    """The columns that a heading row names ("" for one we do not know), or None where it is no heading."""
    names = tuple(
        next((column for column, headings in HEADINGS.items() if cell.strip().lower() in headings), "")
        for cell in cells
    )
    return names if "email" in names else None


def _person(row: Row, columns: tuple[str, ...], beginning: str) -> PersonRow:
    cells = row.cells
    if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
        raise InvalidCells(_("There are more cells than columns."))
    values = {column: without_fence(cell.strip()) for column, cell in zip(columns, cells, strict=False)}
    for column, limit in LIMITS.items():
        if len(values.get(column, "")) > limit:
            raise InvalidCells(_("A cell is too long: at most %(limit)d characters.") % {"limit": limit})
    if any("\0" in value for value in values.values()) or not values.get("full_name", "").isprintable():
        raise InvalidCells(_("It contains control characters or a line break."))
    try:
        email = clean_address(values.get("email", ""))
    except ValidationError as error:
        raise InvalidCells(" ".join(error.messages)) from error
    return PersonRow(
        row.line, address_key(email), email, values.get("full_name", ""), values.get("comment", ""), beginning
    )
