"""How much inlining a page's style sheets may write, known before any of it is written.

An upper bound: what can't be read for sure counts for every element.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape, unescape
from itertools import chain

MOST_BYTES = 5_000_000  # written into style attributes
MOST_MERGING = 300_000_000  # declarations written, times those that an element may have: they are compared
MOST_MATCHES = 30_000_000  # of selectors with elements
MOST_LOOKS = 20_000_000  # at elements around one that a selector may be about
PIECE = re.compile(  # of what a serialiser wrote: values stand in double quotes, and text has no "<"
    r"<!--.*?-->|<style\b[^>]*>(?P<sheet>.*?)</style>|(?P<end></)"
    r"|<(?P<name>[a-z][^\s/<>]*)(?P<attributes>(?:[^>\"]|\"[^\"]*\")*+)>",
    re.DOTALL | re.IGNORECASE,
)
EMPTY = frozenset({"area", "br", "col", "hr", "img", "meta", "wbr"})  # nothing is within them
NAMED = re.compile(r'\b(class|id)="([^"]*)"', re.IGNORECASE)
# What braces mean nothing in: comments, texts, addresses. What stands for a letter is no name that is known.
QUIET = re.compile(
    r"/\*.*?(?:\*/|\Z)"
    r"|\"(?:[^\"\\\n\r\f]|\\.)*+\"?|'(?:[^'\\\n\r\f]|\\.)*+'?"
    r"|\burl\((?!\s*[\"'])[^()\"'\\]*\)"
    r"|\\.",
    re.DOTALL | re.IGNORECASE,
)
BRACKETS = re.compile(r"\([^()\[\]{}]*\)|\[[^()\[\]{}]*\]")
UNCLEAR = re.compile(r"[(\[]")
BAD_ADDRESS = re.compile(
    r"url\(\s*[^\s\"')][^()\"'\\]*[(\"'\\]|\\(?:[0-9a-f]{1,6}\s?|.)[\w-]*\(", re.IGNORECASE | re.DOTALL
)
GONE, WILD = "\x01", "*"
DEEPEST = 5  # brackets within brackets, blocks within blocks
ANYWHERE = re.compile(r"~(?!=)|:has\(|\sof\s", re.IGNORECASE)  # what is asked of any number of neighbours
AROUND = re.compile(r"[>+~(]|\S\s+\S")


@dataclass(frozen=True)
class _Rule:
    prelude: str  # as it stands
    plain: str  # the same without what braces and commas mean nothing in
    block: str


def is_too_much(page: str, as_sent: Callable[[str], str]) -> bool:
    """Whether inlining would take too much room or time. `as_sent` gives what becomes of a piece in the mail."""
    crowd = _Crowd(page)
    written = declarations = matches = looks = most_of_one = 0
    for rule in chain.from_iterable(map(_rules, crowd.sheets)):
        times = sum(_candidates(selector, crowd) for selector in rule.plain.split(","))
        count = rule.block.count(":")
        written += times * len(escape(as_sent(rule.block)))
        declarations += times * count
        most_of_one += count
        matches += times
        looks += times * _looks(rule, crowd)
    return (
        written > MOST_BYTES
        or declarations * most_of_one > MOST_MERGING
        or matches > MOST_MATCHES
        or looks > MOST_LOOKS
    )


def _looks(rule: _Rule, crowd: _Crowd) -> int:
    """At how many other elements one looks for an element, at most."""
    if not AROUND.search(rule.prelude.strip()):
        return 0
    reach = crowd.all if ANYWHERE.search(rule.prelude) or rule.plain == WILD else crowd.depth
    steps = max(len(re.split(r"[\s>+~(]+", selector)) for selector in rule.prelude.split(","))
    return reach * steps * (1 + rule.prelude.count(",") - rule.plain.count(","))


class _Crowd:
    """A page's style sheets, and how many elements it has, by name, class and id, in small letters."""

    def __init__(self, page: str) -> None:
        self.sheets: list[str] = []
        self.counts: Counter[str] = Counter()
        self.all = self.depth = 0
        opened = 0
        for piece in PIECE.finditer(page):
            if piece["sheet"] is not None:
                self.sheets.append(piece["sheet"])
            elif piece["name"]:
                self._count(piece["name"].lower(), piece["attributes"])
                opened += piece["name"].lower() not in EMPTY
            elif piece["end"]:
                opened -= 1
            self.depth = max(self.depth, opened)

    def _count(self, name: str, attributes: str) -> None:
        names = {name}
        for kind, values in NAMED.findall(attributes):
            mark = "." if kind.lower() == "class" else "#"
            names |= {mark + value for value in unescape(values).lower().split()}
        self.all += 1
        self.counts.update(names)


def _rules(sheet: str) -> Iterator[_Rule]:
    """With selectors of "*" where they are not clear."""
    plain = _without_brackets(QUIET.sub(_quiet, sheet))
    if BAD_ADDRESS.search(sheet) or UNCLEAR.search(plain):
        yield _Rule(WILD, WILD, sheet)
    else:
        yield from _blocks(plain, sheet)


def _quiet(found: re.Match[str]) -> str:
    return (" " if found[0].startswith("/*") else WILD) * len(found[0])


def _without_brackets(sheet: str) -> str:
    for _depth in range(DEEPEST):
        sheet = BRACKETS.sub(lambda found: GONE * len(found[0]), sheet)
    return sheet


def _blocks(plain: str, sheet: str) -> Iterator[_Rule]:
    """Rules within rules count with both. `plain` is the sheet, letter by letter, without what means nothing here."""
    opened: list[tuple[int, int, int]] = []
    last = 0
    for brace in re.finditer(r"[{}]|\Z", plain):
        if brace[0] == "{":
            start = max(last, plain.rfind(";", last, brace.start()) + 1)
            opened.append((start, brace.start(), brace.end()))
        if len(opened) > DEEPEST:
            yield _Rule(WILD, WILD, sheet)
            return
        closed = opened if not brace[0] else opened[-1:] if brace[0] == "}" else []
        for start, end, inner in closed:
            if not plain[start:end].lstrip().startswith("@"):
                yield _Rule(sheet[start:end], plain[start:end], sheet[inner : brace.start()])
        del opened[len(opened) - len(closed) :]
        last = brace.end()


def _candidates(selector: str, crowd: _Crowd) -> int:
    last = re.split(r"[\s>+~]", selector.strip())[-1].lower()
    if re.search(r"[*|&\\]", last):
        return crowd.all
    names = re.findall(rf"[.#]?[^.#{GONE}]+", re.sub(rf":+[^.#:{GONE}]*", "", last))
    return min((crowd.counts[name] for name in names), default=crowd.all)
