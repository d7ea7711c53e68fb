"""The Russian catalog, brought up to date by `make messages` and held by tests/core/test_russian.py.

With Babel rather than manage.py makemessages: it needs no GNU gettext on the machine, and the test reads the sources
exactly as the tool does. Templates go through Django's own `templatize`, as makemessages does it.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).parents[2]
PO = ROOT / "locale" / "ru" / "LC_MESSAGES" / "django.po"
MO = PO.with_suffix(".mo")
SOURCES = ("asgi_project", "core", "mailer", "realtime", "templates")
KEYWORDS: dict[str, Any] = {
    **dict.fromkeys(["_", "gettext", "gettext_lazy", "gettext_noop"]),
    **dict.fromkeys(["ngettext", "ngettext_lazy"], (1, 2)),
    **dict.fromkeys(["pgettext", "pgettext_lazy"], ((1, "c"), 2)),
    **dict.fromkeys(["npgettext", "npgettext_lazy"], ((1, "c"), 2, 3)),
}
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd%]|\{\w+\}|<[^>]*>")


def extracted() -> Catalog:
    """What the sources say to people."""
    catalog = Catalog(domain="django", fuzzy=False)
    for path, message, comments, context in _said():
        place = str(path.relative_to(ROOT)), 1
        catalog.add(message, locations=[place], auto_comments=comments, context=context)
    return catalog


def said_with_and_without_a_number() -> set[tuple[str, str | None]]:
    """What the sources say both by itself and as one of a plural's forms, with its context."""
    said = {(message, context) for _path, message, _comments, context in _said()}
    return said & {(message[0], context) for message, context in said if isinstance(message, tuple)}


def translated() -> Catalog:
    with PO.open("rb") as file:
        return read_po(file, locale="ru", domain="django")


def borrowed(catalog: Catalog) -> list[Message]:
    """Those messages of the catalog that allauth says, and we translate better than it does."""
    theirs = _allauths()
    return [message for message in catalog if message.id and (message.id, message.context) in theirs]


def update() -> Catalog:
    """The catalog with the sources' messages: new ones are empty, those that are gone are left out."""
    wanted, catalog = extracted(), translated()
    for message in borrowed(catalog):
        wanted.add(message.id, context=message.context, user_comments=message.user_comments)
    catalog.update(wanted, no_fuzzy_matching=True, update_creation_date=False)
    catalog.obsolete.clear()
    catalog.msgid_bugs_address, catalog.last_translator, catalog.language_team = "", "", "ru"
    return catalog


def as_po(catalog: Catalog) -> bytes:
    written = io.BytesIO()
    write_po(written, catalog, width=120, sort_by_file=True, include_lineno=False)
    return written.getvalue()


def as_mo(catalog: Catalog) -> bytes:
    written = io.BytesIO()
    write_mo(written, catalog)
    return written.getvalue()


def strings(message: Message) -> list[str]:
    """The message's translations: one, or one for each of the language's plural forms."""
    found = message.string or ""
    return [found] if isinstance(found, str) else list(found)


def faults(message: Message) -> list[str]:
    """What is wrong with the message's translation."""
    source = message.id if isinstance(message.id, str) else message.id[-1]
    wanted = sorted(PLACEHOLDER.findall(source))
    wrong = [f"{source!r} lacks its Russian" for text in strings(message) if not text]
    wrong += [
        f"{source!r} has other placeholders" for t in strings(message) if sorted(PLACEHOLDER.findall(t)) != wanted
    ]
    return wrong + ([f"{source!r} is fuzzy"] if message.fuzzy else [])


def _said() -> Iterator[tuple[Path, Any, list[str], str | None]]:
    """Each message of the sources with its file, comments and context; one with a plural is a tuple."""
    for path in _files():
        for _line, message, comments, context in extract("python", io.BytesIO(_as_python(path).encode()), KEYWORDS):
            yield path, message, comments, context


def _files() -> list[Path]:
    found = (
        path for source in SOURCES for path in (ROOT / source).rglob("*") if path.suffix in (".py", ".html", ".txt")
    )
    return sorted(path for path in found if "migrations" not in path.parts and "static" not in path.parts)


def _as_python(path: Path) -> str:
    """The file, or for a template its translatable parts as calls; in brackets, where indentation means nothing."""
    text = path.read_text()
    return text if path.suffix == ".py" else f"({templatize(text)}\n)"


def _allauths() -> set[tuple[Any, Any]]:
    import allauth

    with (Path(allauth.__file__).parent / "locale" / "ru" / "LC_MESSAGES" / "django.po").open("rb") as file:
        return {(message.id, message.context) for message in read_po(file, locale="ru")}


def _all_faults(catalog: Catalog) -> Iterator[str]:
    for message in catalog:
        if message.id:
            yield from faults(message)


if __name__ == "__main__":
    up_to_date = update()
    PO.write_bytes(as_po(up_to_date))
    MO.write_bytes(as_mo(up_to_date))
    sys.exit("\n".join(_all_faults(up_to_date)) or None)
