"""A first reading of somebody's HTML: what belongs to the page as a whole is set apart, notes and scripts go.

What is safe is decided afterwards, in `sanitise.py`, by a real parser. Unlike the standard library's, this reading
takes time that grows with the length alone, whatever is not closed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape

from mailer.writing.hiding import Hidden
from mailer.writing.sanitise import PAGE_TAGS, SCRIPT_URL_NAME, TAGS, UNSAFE_CSS, is_handler, is_script_url

TAG = re.compile(
    r"<!--|<!(?!--)[^<>]*>|<\?[^<>]*>"
    r"|<(?P<end>/?)(?P<name>[A-Za-z][^\s/<>]*)(?P<attributes>(?:[^<>\"']|\"[^\"]*\"|'[^']*')*+)>"
)
ATTRIBUTE = re.compile(r"([^\s\"'<>/=]+)(?:\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s\"'=<>`]+))?")
CONDITION = re.compile(r"\s*(?:\[if\b|<!\[endif\])", re.IGNORECASE)  # what Outlook alone reads
WHOLE = ("script", "title", "noscript", "template", "style")  # read up to their end, as they are
KEPT_META = {"color-scheme", "supported-color-schemes", "format-detection", "x-apple-disable-message-reformatting"}
DEEPEST = 1_000  # parsers take ever longer, the deeper elements nest
_ENDED = "area br col dd dt hr img input li link meta p source tbody td tfoot th thead tr wbr"
ENDED_BY_OTHERS = frozenset(_ENDED.split())
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")

# Parsers open these anew in every paragraph that follows, where they are not closed in their own.
CARRIED = frozenset(["a", "b", "big", "code", "em", "font", "i", "s", "small", "strike", "strong", "tt", "u"])
MOST_CARRIED = 10_000_000  # characters that this may add, if it befalls every tag
WORTH = 50  # characters that an element takes at least, in what it takes to hold it

Attributes = list[tuple[str, str]]


@dataclass
class Markup:
    """What a page holds: `content` is what lies in its body, not sanitised yet, with its style sheets."""

    content: str = ""
    body_attributes: Attributes = field(default_factory=list)
    metas: dict[str, str] = field(default_factory=dict)
    language: str = ""
    left_out: set[str] = field(default_factory=set)  # names of tags and attributes that a mail may not have
    in_styles: set[int] = field(default_factory=set)  # numbers of the merge tags in style sheets


def read_markup(hidden: Hidden) -> Markup:
    reader = _Reader(hidden)
    reader.read()
    reader.markup.content = _with_rows_in_a_body(hidden, "".join(reader.pieces))
    return reader.markup


class _Reader:
    def __init__(self, hidden: Hidden) -> None:
        self.hidden, self.markup = hidden, Markup()
        self.pieces: list[str] = []
        self._depth = 0  # about how many elements are open
        self._carried: list[int] = []  # what each of CARRIED that is open would add to a tag
        self._most_carried = MOST_CARRIED // (1 + hidden.text.count("<"))

    def read(self) -> None:
        text, position = self.hidden.text, 0
        while found := TAG.search(text, position):
            self.pieces.append(self.hidden.commented(text[position : found.start()]))
            if found[0] == "<!--":
                position = self._read_comment(found.end())
            elif found["name"] is None:
                position = found.end()
            else:
                position = self._read_tag(found)
        self.pieces.append(self.hidden.commented(text[position:]))

    def _read_comment(self, start: int) -> int:
        """Where it ends; one that does not takes all that follows."""
        end = self.hidden.text.find("-->", start)
        if end < 0:
            return len(self.hidden.text)
        comment = self.hidden.text[start:end]
        if CONDITION.match(comment):
            self.pieces.append(f"<!--{comment}-->")
        return end + 3

    def _read_tag(self, found: re.Match[str]) -> int:
        name = found["name"].lower()
        if found["end"]:
            self.pieces.append("" if name in PAGE_TAGS else found[0])
            self._depth -= name not in ENDED_BY_OTHERS
            if name in CARRIED and self._carried:
                self._carried.pop()
            return found.end()
        attributes = _attributes(found["attributes"])
        self._note_left_out(name, attributes)
        if name in PAGE_TAGS:
            self._note_page(name, attributes)
        if name in WHOLE:
            return self._read_whole(name, found.end())
        if name not in PAGE_TAGS and self._depth < DEEPEST and self._is_carried(name, found[0]):
            self._depth += name not in ENDED_BY_OTHERS
            self.pieces.append(found[0])
        return found.end()

    def _is_carried(self, name: str, tag: str) -> bool:
        """Whether the page can bear that it is carried on to all that follows."""
        if name in CARRIED:
            size = len(self.hidden.restored(tag)) + WORTH
            if sum(self._carried) + size > self._most_carried:
                return False
            self._carried.append(size)
        return True

    def _read_whole(self, name: str, start: int) -> int:
        text = self.hidden.text
        closing = re.compile(rf"</{name}[^>]*>", re.IGNORECASE).search(text, start)
        inner = text[start : closing.start() if closing else len(text)]
        if name == "style":
            self.markup.in_styles |= self.hidden.numbers_in(inner)
            self.pieces.append(f"<style>{UNSAFE_CSS.sub('', inner)}</style>")
        return closing.end() if closing else len(text)

    def _note_left_out(self, name: str, attributes: Attributes) -> None:
        if name not in TAGS and name not in PAGE_TAGS:
            self.markup.left_out.add(self.hidden.mark.sub("…", name))
        self.markup.left_out |= {attribute for attribute, _value in attributes if is_handler(attribute)}
        if any(is_script_url(value) for _attribute, value in attributes):
            self.markup.left_out.add(SCRIPT_URL_NAME)

    def _note_page(self, name: str, attributes: Attributes) -> None:
        values = dict(attributes)
        if name == "body":
            self.markup.body_attributes = attributes
        elif name == "html" and LANGUAGE.fullmatch(values.get("lang", "")):
            self.markup.language = values["lang"]
        elif name == "meta" and values.get("name", "").lower() in KEPT_META:
            self.markup.metas[values["name"].lower()] = values.get("content", "")


def _attributes(text: str) -> Attributes:
    return [(name.lower(), unescape(value.strip("\"'"))) for name, value in ATTRIBUTE.findall(text)]


def _with_rows_in_a_body(hidden: Hidden, html: str) -> str:
    """A merge tag before a table's first row belongs into the body that HTML silently puts around the rows."""
    return re.sub(
        rf"(<table\b[^<>]*>)(?=\s*(?:<!--{hidden.prefix}\d+z-->\s*)+<tr\b)", r"\1<tbody>", html, flags=re.IGNORECASE
    )
