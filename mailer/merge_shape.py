"""What a template must look like before Liquid may read it: its lexer goes back over what is not closed, or is long.

Two hundred kilobytes of `{{` would keep it busy for an hour. One look over the template, in linear time, before it.
"""

from __future__ import annotations

import re

from django.utils.translation import gettext as _
from liquid.exceptions import LiquidSyntaxError
from liquid.token import Token

LONGEST_TAG = 1_000  # characters
MOST_TAGS = 1_000
MOST_OF_A_KIND = 20  # brackets, or conditions, in a tag

OPENER = re.compile(r"\{\{|\{%")
VERBATIM = re.compile(r"\{%-?\s*(raw|doc)\s*-?%\}")
VERBATIM_END = {name: re.compile(r"\{%-?\s*end" + name + r"\s*-?%\}") for name in ("raw", "doc")}
CLOSERS = {"{{": "}}", "{%": "%}"}
JOINED = re.compile(r"\b(?:and|or)\b")
LONG_SPACE = re.compile(r"\s{100}")


def refuse_costly(source: str) -> None:
    """Raises LiquidSyntaxError for what Liquid would read in more than linear time; much of that is wrong anyway."""
    position = tags = 0
    while opener := OPENER.search(source, position):
        position = _end(source, opener)
        tags += 1
        if tags > MOST_TAGS:
            raise _error(_("there are more than %(most)s tags") % {"most": MOST_TAGS}, source, opener.start())


def _end(source: str, opener: re.Match[str]) -> int:
    """Where the tag, or what is taken as it is, ends."""
    start = opener.start()
    if verbatim := VERBATIM.match(source, start):
        name = verbatim[1]
        if (end := VERBATIM_END[name].search(source, verbatim.end())) is None:
            raise _error(_("“%(name)s” is not closed") % {"name": name}, source, start)
        return end.end()
    closer = CLOSERS[opener[0]]
    closed = source.find(closer, start + 2)
    if closed == -1:
        raise _error(_("expected “%(closer)s”") % {"closer": closer}, source, start)
    _refuse_costly_tag(source, start + 2, closed)
    return closed + 2


def _refuse_costly_tag(source: str, start: int, end: int) -> None:
    if end - start > LONGEST_TAG:
        raise _error(_("a tag is longer than %(most)s characters") % {"most": LONGEST_TAG}, source, start)
    inside = source[start:end]
    if OPENER.search(inside):
        raise _error(_("a tag begins within a tag"), source, start)
    conditions = len(JOINED.findall(inside)) if source[start - 1] == "%" else 0
    if LONG_SPACE.search(inside) or max(conditions, *map(inside.count, "([")) > MOST_OF_A_KIND:
        raise _error(_("a tag is too intricate"), source, start)


def _error(message: str, source: str, start: int) -> LiquidSyntaxError:
    return LiquidSyntaxError(message, token=Token("", "", start, source))
