"""Finds merge tags in a text, in time that grows with its length alone.

The library's own expressions try every beginning against all that follows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _

from mailer.merge_tags import TemplateProblem

OPENING = re.compile(r"{{|{%")
BLOCK = re.compile(r"{%-?\s*(raw|comment|doc)\s*-?%}")
CLOSING = {name: re.compile(rf"{{%-?\s*end{name}\s*-?%}}") for name in ("raw", "comment", "doc")}


@dataclass(frozen=True)
class Place:
    """A merge tag from `start` to `end`, or a whole block that prints no tags: `block` is then raw, comment or doc."""

    start: int
    end: int
    block: str = ""
    inner: str = ""  # what a block holds


def places(source: str) -> Iterator[Place]:
    """Every merge tag in turn. Raises TemplateProblem, with the line, at what is not closed."""
    position = 0
    while found := OPENING.search(source, position):
        place = _place(source, found.start())
        yield place
        position = place.end


def line_of(source: str, position: int) -> int:
    return source.count("\n", 0, position) + 1


def _place(source: str, start: int) -> Place:
    if source.startswith("{{", start):
        return Place(start, _closed(source, start, "}}"))
    block = BLOCK.match(source, start)
    if not block:
        return Place(start, _closed(source, start, "%}"))
    closing = CLOSING[block[1]].search(source, block.end())
    if not closing:
        raise TemplateProblem(_("“%(tag)s” is not closed") % {"tag": block[0]}, line_of(source, start))
    return Place(start, closing.end(), block[1], source[block.end() : closing.start()])


def _closed(source: str, start: int, closing: str) -> int:
    end = source.find(closing, start + 2)
    if end < 0:
        what = _("“%(opening)s” without its “%(closing)s”") % {"opening": source[start : start + 2], "closing": closing}
        raise TemplateProblem(what, line_of(source, start))
    return end + len(closing)
