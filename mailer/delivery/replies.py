"""Bytes from an SMTP server → replies (RFC 5321 §4.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from mailer.delivery.outcome import Reply

LONGEST_LINE = 8 * 1024  # bytes, line end included
LONGEST_REPLY = 64 * 1024
LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)
SHORT = re.compile(rb"([2-5][0-9][0-9]) (.{0,200})", re.DOTALL)  # without its line end


class BrokenStream(Exception):
    """What the server says is not SMTP: nothing after it on the connection can be trusted."""


TOO_LONG = f"a line of its reply is longer than {LONGEST_LINE} bytes"


class ReplyParser:
    """Feed it what arrives, however it is cut up. A bare LF ends a line too, as servers exist that send one."""

    def __init__(self) -> None:
        self._unread = b""
        self._code = 0
        self._lines: list[bytes] = []  # of a reply that goes on
        self._size = 0

    def feed(self, data: bytes) -> Iterator[Reply]:
        """The replies that these bytes complete, one by one. Raises BrokenStream after the last good one."""
        lines = (self._unread + data).split(b"\n")
        self._unread = lines.pop()
        for line in lines:
            if not self._lines and (reply := _short_reply(line)) is not None:
                yield reply
                continue
            if len(line) >= LONGEST_LINE:
                raise BrokenStream(TOO_LONG)
            if self._ends_reply(line.removesuffix(b"\r")):
                yield self._take_reply()
        if len(self._unread) >= LONGEST_LINE:
            raise BrokenStream(TOO_LONG)

    def _ends_reply(self, line: bytes) -> bool:
        match = LINE.fullmatch(line)
        if match is None:
            raise BrokenStream(f"its reply is not SMTP: {shown(line)}")
        code, separator, text = match.groups(b"")
        if self._lines and int(code) != self._code:
            raise BrokenStream(f"its reply changes from {self._code} to {int(code)}")
        self._code = int(code)
        self._lines.append(text)
        self._size += len(line) + 2
        if self._size > LONGEST_REPLY:
            raise BrokenStream(f"its reply is longer than {LONGEST_REPLY} bytes")
        return separator != b"-"

    def _take_reply(self) -> Reply:
        reply = Reply(self._code, b"\n".join(self._lines).decode(errors="replace"))
        self._lines = []
        self._size = 0
        return reply


@lru_cache(maxsize=256)
def _short_reply(line: bytes) -> Reply | None:
    """The reply that this line is all of, if so. A server says the same to every MAIL, RCPT and DATA."""
    match = SHORT.fullmatch(line.removesuffix(b"\r"))  # a sixth of what it takes to match a CR that may be there
    return Reply(int(match[1]), match[2].decode(errors="replace")) if match else None


def shown(line: bytes) -> str:
    """A line that is not SMTP, as a person may read it: escaped and cut."""
    return repr(line[:80])[1:]
