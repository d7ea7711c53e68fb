"""Recipients from a CSV file: every row is read and judged first, then the good ones are written in one transaction."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from core.models import User
from mailer.addresses import address_key, clean_address
from mailer.models import Recipient

LARGEST_FILE = 20 * 1024 * 1024  # bytes
BATCH = 1_000
SHOWN = 80  # characters of an invalid row

LIMITS = {"email": 254, "full_name": 200, "comment": 2000}
COLUMNS = tuple(LIMITS)
HEADINGS = {
    "email": ("email", "e-mail", "mail", "address", "почта", "эл. почта", "адрес"),
    "full_name": ("full_name", "full name", "name", "имя", "фио"),
    "comment": ("comment", "comments", "note", "комментарий", "примечание"),
}


class UnreadableFile(ValueError):
    """Nothing of it can be read; the text says why, to a person."""


@dataclass(frozen=True)
class InvalidRow:
    """A row that was left out. `line` counts from 1, in the file; `text` is its beginning."""

    line: int
    text: str
    reason: str


@dataclass(frozen=True)
class ImportReport:
    added: int
    updated: int
    unchanged: int
    invalid: list[InvalidRow]


@dataclass(frozen=True)
class Row:
    line: int
    cells: list[str]


@dataclass(frozen=True)
class Person:
    key: str
    email: str
    full_name: str
    comment: str


class InvalidCells(ValueError):
    """Why a row cannot become a recipient."""


def import_recipients(owner: User, data: bytes | str) -> ImportReport:
    """Add and update the owner's recipients; an empty cell changes nothing. Of one address the first row counts.

    Columns go by their headings, or without any by the order email, full name, comment. Raises UnreadableFile.
    """
    people, invalid = _judged(_text_of(data))
    with transaction.atomic():
        counts = [_write(owner, people[start : start + BATCH]) for start in range(0, len(people), BATCH)]
    added, updated = (sum(count[i] for count in counts) for i in (0, 1))
    return ImportReport(added, updated, len(people) - added - updated, invalid)


def _text_of(data: bytes | str) -> str:
    if len(data) > LARGEST_FILE:
        raise UnreadableFile(_("The file is larger than %(most)d MB.") % {"most": LARGEST_FILE // 1024 // 1024})
    text = data.removeprefix("\ufeff") if isinstance(data, str) else _decoded(data)
    if not text.strip():
        raise UnreadableFile(_("The file is empty."))
    return text


def _decoded(data: bytes) -> str:
    has_utf16_mark = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    encoding = "utf-16" if has_utf16_mark else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UnreadableFile(
            _("The file is not in UTF-8: line %(line)d cannot be read. Save it as “CSV UTF-8” and try again.")
            % {"line": line}
        ) from error


def _judged(text: str) -> tuple[list[Person], list[InvalidRow]]:
    """The rows' people, once each, and the rows that are none."""
    people: dict[str, Person] = {}
    first_lines: dict[str, int] = {}
    invalid: list[InvalidRow] = []
    columns: tuple[str, ...] | None = None
    for row in _rows(text):
        if isinstance(row, InvalidRow):
            invalid.append(row)
            continue
        if columns is None:
            columns = _columns_of(row.cells) or COLUMNS
            if columns is not COLUMNS:
                continue
        try:
            person = _person(row.cells, columns)
            if person.key in people:
                raise InvalidCells(_("The same address is on line %(line)d.") % {"line": first_lines[person.key]})
            people[person.key], first_lines[person.key] = person, row.line
        except InvalidCells as error:
            invalid.append(InvalidRow(row.line, ", ".join(row.cells)[:SHOWN], str(error)))
    return list(people.values()), invalid


def _rows(text: str) -> Iterator[Row | InvalidRow]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
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


def _delimiter(text: str) -> str:
    heading = text.lstrip("\r\n").partition("\n")[0]
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


def _person(cells: list[str], columns: tuple[str, ...]) -> Person:
    if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
        raise InvalidCells(_("There are more cells than columns."))
    values = {column: cell.strip() for column, cell in zip(columns, cells, strict=False)}
    for column, limit in LIMITS.items():
        if len(values.get(column, "")) > limit:
            raise InvalidCells(_("A cell is too long: at most %(limit)d characters.") % {"limit": limit})
    if any("\0" in value for value in values.values()) or not values.get("full_name", "").isprintable():
        raise InvalidCells(_("It contains control characters or a line break."))
    try:
        email = clean_address(values.get("email", ""))
    except ValidationError as error:
        raise InvalidCells(" ".join(error.messages)) from error
    return Person(address_key(email), email, values.get("full_name", ""), values.get("comment", ""))


def _write(owner: User, people: list[Person]) -> tuple[int, int]:
    """Returns how many were added and updated."""
    keys = [person.key for person in people]
    known = {
        recipient.address_key: recipient for recipient in Recipient.objects.filter(owner=owner, address_key__in=keys)
    }
    new = [
        Recipient(
            owner=owner, email=person.email, address_key=person.key, full_name=person.full_name, comment=person.comment
        )
        for person in people
        if person.key not in known
    ]
    Recipient.objects.bulk_create(new, ignore_conflicts=True)
    changed = [known[person.key] for person in people if person.key in known and _update(known[person.key], person)]
    Recipient.objects.bulk_update(changed, ["full_name", "comment"])
    return len(new), len(changed)


def _update(recipient: Recipient, person: Person) -> bool:
    before = recipient.full_name, recipient.comment
    recipient.full_name = person.full_name or recipient.full_name
    recipient.comment = person.comment or recipient.comment
    return (recipient.full_name, recipient.comment) != before
