"""Keeps merge tags out of the sight of tools that read HTML, CSS or Markdown, and puts them back unharmed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from mailer.merge_tags import TemplateProblem
from mailer.writing.scanning import places


@dataclass(frozen=True)
class HiddenTag:
    source: str
    line: int  # from 1

    @property
    def is_output(self) -> bool:
        return self.source.startswith("{{")


@dataclass(frozen=True)
class Hidden:
    """A text in which every merge tag is a mark: a short word of ASCII letters and digits that nothing changes."""

    text: str
    tags: tuple[HiddenTag, ...]
    prefix: str

    @cached_property
    def mark(self) -> re.Pattern[str]:
        """A mark, as a comment or as a word; either of its groups is the tag's number."""
        return re.compile(rf"<!--{self.prefix}(\d+)z-->|{self.prefix}(\d+)z")

    def restored(self, text: str) -> str:
        """The text with the tags put back. What only looks like one comes out as it stands."""

        def literal(found: re.Match[str]) -> str:
            return "".join(f"{{{{ '{character}' }}}}" for character in found[0])  # Liquid reads no tag within a tag

        text = re.sub(rf"{{[{{%]|{{(?=(?:<!--)?{self.prefix}\d)", literal, text)
        return self.mark.sub(lambda found: self.tags[_number(found)].source, text)

    def numbers_in(self, text: str) -> set[int]:
        """Which tags have their mark in the text."""
        return {_number(found) for found in self.mark.finditer(text)}

    def commented(self, text: str) -> str:
        """The text with its marks as comments, which HTML allows between the rows of a table too."""
        return re.sub(rf"{self.prefix}\d+z", lambda found: f"<!--{found[0]}-->", text)


def hide(source: str) -> Hidden:
    """What is raw becomes text, notes to oneself go. From a tag that is not closed on, all is text."""
    prefix = _unused_prefix(source)
    pieces: list[str] = []
    tags: list[HiddenTag] = []
    position = 0
    line = 1
    try:
        for place in places(source):
            line += source.count("\n", position, place.start)
            pieces.append(source[position : place.start])
            position = place.end
            if place.block:
                pieces.append(place.inner if place.block == "raw" else "")
            else:
                pieces.append(f"{prefix}{len(tags)}z")
                tags.append(HiddenTag(source[place.start : place.end], line))
            line += source.count("\n", place.start, place.end)
    except TemplateProblem:
        pass
    pieces.append(source[position:])
    return Hidden("".join(pieces), tuple(tags), prefix)


def around_tags(source: str, change: Callable[[str], str]) -> str:
    """The source with everything but its merge tags changed."""
    hidden = hide(source)
    return hidden.restored(change(hidden.text))


def _number(found: re.Match[str]) -> int:
    return int(found[1] or found[2])


def _unused_prefix(source: str) -> str:
    lower = source.lower()
    return next(prefix for n in range(len(source) + 1) if (prefix := f"mt{n}q") not in lower)
