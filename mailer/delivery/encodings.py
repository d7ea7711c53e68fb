"""Text and files as mail carries them: CRLF lines of at most 998 octets; their encodings (RFC 2045 §6)."""

from __future__ import annotations

import re
import struct
from binascii import b2a_base64, b2a_qp
from itertools import chain

LINE_LIMIT = 998  # octets (RFC 5322 §2.1.1)
BASE64_LINE = struct.Struct("76s")
LINE_ENDS = re.compile(r"\r\n|\r|\n")


def in_lines(text: str) -> str:
    """The text with CRLF for every line end."""
    return LINE_ENDS.sub("\r\n", text) if "\r" in text else text.replace("\n", "\r\n")


def encoded_text(text: str, boundary: str) -> bytes:
    """Any text as the end of a part: the header that says how it is encoded, an empty line, and the text.

    It ends with one line end, and holds no line that `boundary` could be in.
    """
    lines = in_lines(text).rstrip("\r\n") + "\r\n"
    if is_plain(lines) and not (boundary and boundary in lines):
        return headed("7bit", lines.encode())
    if suits_base64(lines):
        return headed("base64", base64_lines(lines.encode()))
    return headed("quoted-printable", quoted_printable(lines))


def headed(encoding: str, data: bytes) -> bytes:
    return f"Content-Transfer-Encoding: {encoding}\r\n\r\n".encode() + data


def is_plain(lines: str) -> bool:
    """Whether CRLF lines can go as they are."""
    return lines.isascii() and all(map(str.isprintable, lines.replace("\t", " ").split("\r\n"))) and room_in(lines) >= 0


def room_in(lines: str) -> int:
    """How many characters more the longest of CRLF lines has room for."""
    return LINE_LIMIT - max(map(len, lines.split("\r\n")))


def suits_base64(text: str) -> bool:
    """Whether it is foreign to ASCII: quoted-printable takes three octets for one, base64 four for any three."""
    octets = len(text.encode())
    outside = octets - len(text.encode("ascii", "ignore"))
    return 3 * outside > octets


def quoted_printable(lines: str) -> bytes:
    """CRLF lines, from the start of an encoded line on."""
    # Where no CRLF is given, `b2a_qp` breaks long lines by a bare LF.
    return b2a_qp(lines.encode() + b"\r\n", istext=True)[:-2]


def quoted_printable_stretch(lines: str) -> bytes:
    """The same for what goes on: the next stretch begins a line, but none of the text's (RFC 2045 §6.7 (5))."""
    encoded = b2a_qp(lines.encode() + b"_\r\n", istext=True)[:-3]  # the _ keeps a place for the = of a soft line end
    return encoded if not encoded or encoded.endswith(b"\r\n") else encoded + b"=\r\n"


def base64_lines(data: bytes) -> bytes:
    """The data in CRLF lines of base64, the last one ended too."""
    encoded = b2a_base64(data, newline=False)
    whole = len(encoded) - len(encoded) % BASE64_LINE.size
    lines = chain.from_iterable(BASE64_LINE.iter_unpack(encoded[:whole]))
    return b"".join((b"\r\n".join((*lines, encoded[whole:])), b"\r\n" if whole < len(encoded) else b""))
