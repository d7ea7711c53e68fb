"""An uploaded or pasted file → text, a piece at a time."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TextIO

from django.utils.translation import gettext as _

LARGEST_FILE = 200 * 1024 * 1024  # bytes; of a million people it takes about 60 MB
PIECE = 64 * 1024  # bytes


class UnreadableFile(ValueError):
    """Nothing of it can be read; the text says why, to a person."""


@contextmanager
def opened(data: bytes | str | IO[bytes]) -> Iterator[TextIO]:
    """The text, once it is known that all of it can be read. Line ends are as they are. Raises UnreadableFile."""
    if isinstance(data, str):
        _refuse_large(len(data))
        _refuse_blank(bool(data.strip("\ufeff \t\r\n")))
        yield io.StringIO(data.removeprefix("\ufeff"), newline="")
        return
    file = io.BytesIO(data) if isinstance(data, bytes) else data
    _refuse_large(file.seek(0, io.SEEK_END))
    encoding = _encoding(file)
    _check(file, encoding)
    file.seek(0)
    text = io.TextIOWrapper(file, encoding, newline="")
    try:
        yield text
    finally:
        text.detach()  # it is not ours to close


def _refuse_large(size: int) -> None:
    if size > LARGEST_FILE:
        raise UnreadableFile(_("The file is larger than %(most)d MB.") % {"most": LARGEST_FILE // 1024 // 1024})


def _refuse_blank(has_text: bool) -> None:
    if not has_text:
        raise UnreadableFile(_("The file is empty."))


def _encoding(file: IO[bytes]) -> str:
    file.seek(0)
    has_utf16_mark = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    return "utf-16" if has_utf16_mark else "utf-8-sig"


def _check(file: IO[bytes], encoding: str) -> None:
    """Read all of it once. Raises UnreadableFile, with the line where it is in another encoding."""
    decoder = codecs.getincrementaldecoder(encoding)()
    file.seek(0)
    line, has_text, piece = 1, False, b"-"
    while piece:
        piece = file.read(PIECE)
        try:
            text = decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            line += error.object.count(b"\n", 0, error.start)
            raise UnreadableFile(
                _("The file is not in UTF-8: line %(line)d cannot be read. Save it as “CSV UTF-8” and try again.")
                % {"line": line}
            ) from error
        line += text.count("\n")
        has_text = has_text or bool(text.strip())
    _refuse_blank(has_text)
