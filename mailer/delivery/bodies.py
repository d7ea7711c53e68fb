"""A mail's text as one of its parts: what of it is the same for everybody is encoded once per mailing."""

from __future__ import annotations

from mailer.delivery.encodings import (
    base64_lines,
    encoded_text,
    headed,
    in_lines,
    is_plain,
    quoted_printable,
    quoted_printable_stretch,
    room_in,
    suits_base64,
)
from mailer.delivery.segments import Context, Segments, Unusual, alternating, segments_of
from mailer.merge_tags import compile_template


class Text:
    """A template, compiled: by segments where it is made of them, by Liquid where not. Raises TemplateProblem."""

    def __init__(self, source: str, *, escape: bool = False) -> None:
        self.source = source
        self._template = compile_template(source, escape=escape)
        self.segments = segments_of(self._template)

    @property
    def is_fixed(self) -> bool:
        """Whether it is the same for everybody."""
        return self.segments is not None and not self.segments.fields

    def render(self, context: Context) -> str:
        """Raises TemplateProblem."""
        if self.segments is not None:
            try:
                return self.segments.render(context)
            except Unusual:
                pass
        return self._template.render(context)


class Body:
    """A text part from its Content-Transfer-Encoding on. `boundary` is what no line of it may hold, "" for nothing."""

    def __init__(self, text: Text, boundary: str) -> None:
        self._text = text
        self._boundary = boundary
        self._texts = _texts_in_lines(text.segments) if text.segments else ("",)
        whole = "".join(self._texts)
        self._ends_in_text = self._texts[-1] not in ("", "\r\n")
        self._room = room_in(whole) if is_plain(whole) else -1
        self._encoded_texts = None if suits_base64(whole) else _encoded(self._texts)

    def fill(self, context: Context) -> bytes:
        """Raises TemplateProblem."""
        return self._filled_in(context) or encoded_text(self._text.render(context), self._boundary)

    def _filled_in(self, context: Context) -> bytes | None:
        """From what was encoded before, or None where that won't do for what is filled in."""
        if self._text.segments is None:
            return None
        try:
            values = self._text.segments.values(context)
        except Unusual:
            return None
        together = "".join(values)
        if not (self._ends_in_text or (values and values[-1])) or not together.isprintable():
            return None
        if self._encoded_texts is None:
            return BASE64 + base64_lines("".join(alternating(self._texts, values)).encode())
        if len(together) <= self._room and together.isascii():
            lines = "".join(alternating(self._texts, values))
            if not self._boundary or self._boundary not in lines:
                return PLAIN + lines.encode()
        return ENCODED + b"".join(alternating(self._encoded_texts, map(quoted_printable_stretch, values)))


PLAIN = headed("7bit", b"")
ENCODED = headed("quoted-printable", b"")
BASE64 = headed("base64", b"")


def _texts_in_lines(segments: Segments) -> tuple[str, ...]:
    """The texts between the fields, the last one with one line end at its end."""
    *texts, last = map(in_lines, segments.texts)
    return (*texts, last.rstrip("\r\n") + "\r\n")


def _encoded(texts: tuple[str, ...]) -> tuple[bytes, ...]:
    *before, last = texts
    return (*map(quoted_printable_stretch, before), quoted_printable(last))
