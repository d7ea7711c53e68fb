"""HTML as plain text: what a mail says, for those who read no HTML.

Our own, since the libraries for it set layout tables out in columns, keep them as HTML, or are under the GPL.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

from mailer.writing.hiding import Hidden

PARAGRAPHS = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "pre", "table", "dl", "hr", "figure"}
LINES = {"div", "tr", "td", "th", "li", "br", "dt", "dd", "section", "article", "header", "footer", "center", "address"}
VOID = {"br", "hr", "img", "wbr", "col", "meta"}
UNSEEN = {"style", "head", "title"}
INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u2060-\u2064\ufeff]")  # fillers of previews
HIDING = re.compile(r"display\s*:\s*none|mso-hide\s*:\s*all|visibility\s*:\s*hidden", re.IGNORECASE)
SPACE = re.compile(r"[ \t\r\n\f\xa0]+")
RULE = "-" * 40


def plain_text(hidden: Hidden, html: str) -> str:
    """The finished page's text, its marks as words."""
    reader = _Reader(hidden)
    reader.feed(html)
    reader.close()
    return _without_blank_lines(hidden, reader.text())


def _without_blank_lines(hidden: Hidden, text: str) -> str:
    """Without those that would be left where tags which print nothing, like an {% if %}, have a line of their own."""

    def glue(found: re.Match[str]) -> str:
        is_silent = not any(hidden.tags[n].is_output for n in hidden.numbers_in(found[1]))
        return found[1] if is_silent else found[0]

    return re.sub(rf"^((?:{hidden.prefix}\d+z ?)+)\n+", glue, text, flags=re.MULTILINE)


class _Reader(HTMLParser):
    def __init__(self, hidden: Hidden) -> None:
        super().__init__(convert_charrefs=True)
        self._hidden = hidden
        self._lines: list[str] = []
        self._line = ""
        self._unseen: list[str] = []  # the element that is not shown, and what lies in it
        self._links: list[tuple[str, int]] = []  # address, and where in the line its text began
        self._lists: list[int | None] = []  # the last number of each open list, None where it has bullets
        self._quotes = self._preformatted = 0

    def text(self) -> str:
        self._break()
        lines = "\n".join(self._lines).strip("\n")
        return re.sub(r"\n{3,}", "\n\n", lines) + "\n" if lines.strip() else ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if self._unseen or tag in UNSEEN or HIDING.search(given.get("style", "")):
            if tag not in VOID:
                self._unseen.append(tag)
            return
        self._separate(tag)
        match tag:
            case "a":
                self._links.append((given.get("href", "").strip(), len(self._line)))
            case "img" if given.get("alt", "").strip():
                self._line += given["alt"].strip()
            case "hr":
                self._lines += [RULE, ""]
            case "ul" | "ol":
                self._lists.append(0 if tag == "ol" else None)
            case "li":
                self._line = self._bullet()
            case "blockquote":
                self._quotes += 1
            case "pre":
                self._preformatted += 1

    def handle_endtag(self, tag: str) -> None:
        if self._unseen:
            if tag in self._unseen:
                del self._unseen[len(self._unseen) - 1 - self._unseen[::-1].index(tag) :]
            return
        if tag == "a" and self._links:
            self._end_link(*self._links.pop())
        if tag in ("ul", "ol") and self._lists:
            self._lists.pop()
        if tag not in VOID:
            self._separate(tag)
        if tag == "blockquote" and self._quotes:
            self._end_quote()
        self._preformatted -= tag == "pre" and self._preformatted > 0

    def handle_data(self, data: str) -> None:
        if self._unseen:
            return
        data = INVISIBLE.sub("", data)
        if self._preformatted:
            *whole, last = data.split("\n")
            for line in whole:
                self._line += line
                self._break(keep_blank=True)
            self._line += last
        else:
            data = SPACE.sub(" ", data)
            self._line += data.lstrip(" ") if not self._line or self._line.endswith(" ") else data

    def handle_comment(self, data: str) -> None:
        if not self._unseen and self._hidden.mark.fullmatch(data):
            self._line += data

    def _bullet(self) -> str:
        indent = "  " * (len(self._lists) - 1)
        if not self._lists or self._lists[-1] is None:
            return f"{indent}- "
        self._lists[-1] += 1
        return f"{indent}{self._lists[-1]}. "

    def _end_link(self, address: str, start: int) -> None:
        text = self._line[start:].strip()
        shown = address.removeprefix("mailto:")
        if address and not address.startswith("#") and shown.rstrip("/") != text.rstrip("/"):
            self._line = f"{self._line.rstrip(' ')} ({shown})" if text else f"{self._line}{shown}"

    def _end_quote(self) -> None:
        while self._lines and self._lines[-1].strip("> ") == "":
            self._lines.pop()
        self._quotes -= 1
        self._lines.append(self._quoted(""))

    def _separate(self, tag: str) -> None:
        if tag in PARAGRAPHS:
            self._break()
            if self._lines and self._lines[-1].strip("> ") and not self._lists:
                self._lines.append(self._quoted(""))
        elif tag in LINES:
            self._break(keep_blank=tag == "br")

    def _break(self, *, keep_blank: bool = False) -> None:
        """End the line. Links go on in the next one."""
        line = self._line.rstrip()
        if line or keep_blank:
            self._lines.append(self._quoted(line))
        self._line = ""
        self._links = [(address, 0) for address, _start in self._links]

    def _quoted(self, line: str) -> str:
        return f"{'> ' * self._quotes}{line}".rstrip()
