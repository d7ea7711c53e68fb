"""How much inlining a page's style sheets may write, known before any of it is written.

An upper bound: what can't be read for sure counts for every element.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from html import escape, unescape
from itertools import chain

MOST_BYTES = 5_000_000  # written into style attributes
MOST_MERGING = 300_000_000  # declarations written, times those that an element may have: they are compared
MOST_MATCHING = 2_000_000  # elements that are looked at for selectors that look further than at the element itself
PIECE = re.compile(  # of what a serialiser wrote: values stand in double quotes, and text has no "<"
    r"<!--.*?-->|<style\b[^>]*>(?P<sheet>.*?)</style>|<(?P<name>[a-z][^\s/<>]*)(?P<attributes>(?:[^>\"]|\"[^\"]*\")*+)>",
    re.DOTALL | re.IGNORECASE,
)
NAMED = re.compile(r'\b(class|id)="([^"]*)"', re.IGNORECASE)
# What braces mean nothing in: comments, texts, addresses. What stands for a letter is no name that is known.
QUIET = re.compile(
    r"/\*.*?(?:\*/|\Z)"
    r"|\"(?:[^\"\\\n\r\f]|\\.)*+\"?|'(?:[^'\\\n\r\f]|\\.)*+'?"
    r"|\burl\((?!\s*[\"'])[^)\"'\\]*\)"
    r"|\\.",
    re.DOTALL | re.IGNORECASE,
)
BRACKETS = re.compile(r"\([^()\[\]{}]*\)|\[[^()\[\]{}]*\]")
UNCLEAR = re.compile(r"[(\[]")
BAD_ADDRESS = re.compile(r"url\(\s*[^\s\"')][^)]*?[\"'\\]|\\(?:[0-9a-f]{1,6}\s?|.)[\w-]*\(", re.IGNORECASE | re.DOTALL)
GONE, WILD = "\x01", "*"
DEEPEST_BRACKETS = 5
FURTHER = re.compile(r"[~+(\[:]|\S[\s>]+\S")  # siblings, ancestors, functions, states


def is_too_much(page: str, as_sent: Callable[[str], str]) -> bool:
    """Whether inlining would take too much room or time. `as_sent` gives what becomes of a piece in the mail."""
    crowd = _Crowd(page)
    written = declarations = matching = most_of_one = 0
    for prelude, block in chain.from_iterable(map(_rules, crowd.sheets)):
        times, looks = _matches(prelude, crowd)
        size = len(escape(as_sent(block)))
        count = block.count(":")
        written += times * size
        declarations += times * count
        most_of_one += count
        matching += looks
    return written > MOST_BYTES or declarations * most_of_one > MOST_MERGING or matching > MOST_MATCHING


class _Crowd:
    """A page's style sheets, and how many elements it has, by name, class and id, in small letters."""

    def __init__(self, page: str) -> None:
        self.sheets: list[str] = []
        self.counts: Counter[str] = Counter()
        self.all = 0
        for piece in PIECE.finditer(page):
            if piece["sheet"] is not None:
                self.sheets.append(piece["sheet"])
            elif piece["name"]:
                self._count(piece["name"].lower(), piece["attributes"])

    def _count(self, name: str, attributes: str) -> None:
        names = {name}
        for kind, values in NAMED.findall(attributes):
            mark = "." if kind.lower() == "class" else "#"
            names |= {mark + value for value in unescape(values).lower().split()}
        self.all += 1
        self.counts.update(names)


def _rules(sheet: str) -> Iterator[tuple[str, str]]:
    """Each rule's selectors and what is between its braces; selectors of "*" where they are not clear."""
    plain = _without_brackets(QUIET.sub(_quiet, sheet))
    if BAD_ADDRESS.search(sheet) or UNCLEAR.search(plain):
        yield WILD, sheet
    else:
        yield from _blocks(plain, sheet)


def _quiet(found: re.Match[str]) -> str:
    return (" " if found[0].startswith("/*") else WILD) * len(found[0])


def _without_brackets(sheet: str) -> str:
    for _depth in range(DEEPEST_BRACKETS):
        sheet = BRACKETS.sub(lambda found: GONE * len(found[0]), sheet)
    return sheet


def _blocks(plain: str, sheet: str) -> Iterator[tuple[str, str]]:
    """Rules within rules count with both. `plain` is the sheet, letter by letter, without what means nothing here."""
    opened: list[tuple[str, int]] = []
    last = 0
    for brace in re.finditer(r"[{}]", plain):
        if brace[0] == "{":
            opened.append((plain[last : brace.start()].rpartition(";")[2], brace.end()))
        elif opened:
            prelude, start = opened.pop()
            if not prelude.lstrip().startswith("@"):
                yield prelude, sheet[start : brace.start()]
        last = brace.end()
    for prelude, start in opened:
        yield prelude, sheet[start:]


def _matches(prelude: str, crowd: _Crowd) -> tuple[int, int]:
    """How often elements match one of the selectors at most, and how many are looked at more closely."""
    matched = looks = 0
    for selector in prelude.split(","):
        times = _candidates(selector, crowd)
        matched += times
        looks += times if FURTHER.search(selector.strip()) or GONE in selector else 0
    return matched, looks


def _candidates(selector: str, crowd: _Crowd) -> int:
    last = re.split(r"[\s>+~]", selector.strip())[-1].lower()
    if re.search(r"[*|&\\]", last):
        return crowd.all
    names = re.findall(rf"[.#]?[^.#{GONE}]+", re.sub(rf":+[^.#:{GONE}]*", "", last))
    return min((crowd.counts[name] for name in names), default=crowd.all)
