"""A mail as SMTP says it: what can't be said at all, the commands before it, and its own lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from mailer.delivery.compose import Envelope
from mailer.delivery.connection import refused_for_an_address
from mailer.delivery.outcome import Outcome, rejected_here

CHUNK = 64 * 1024  # bytes
LINE_ENDS = re.compile(rb"\r\n|\r|\n")


def refused_here(envelope: Envelope, extensions: Mapping[str, str]) -> Outcome | None:
    """Why it is said to no server that offers these extensions, if so."""
    if (refused := refused_for_an_address(envelope)) is not None:
        return refused
    if _needs_utf8(envelope) and "smtputf8" not in extensions:
        return rejected_here(
            "The mail server does not take addresses with other than ASCII letters (SMTPUTF8).", "5.6.7"
        )
    return None


def mail_command(envelope: Envelope, extensions: Mapping[str, str]) -> bytes:
    """MAIL FROM with its parameters: RFC 1870, RFC 6152, RFC 6531 §3.4."""
    size = f" SIZE={len(envelope.content)}" if "size" in extensions else ""
    body = " BODY=8BITMIME" if "8bitmime" in extensions and not envelope.content.isascii() else ""
    utf8 = " SMTPUTF8" if _needs_utf8(envelope) else ""
    return f"MAIL FROM:<{envelope.mail_from}>{size}{body}{utf8}\r\n".encode()


def rcpt_command(envelope: Envelope) -> bytes:
    return f"RCPT TO:<{envelope.rcpt_to}>\r\n".encode()


def wire_format(content: bytes) -> bytes:
    """The mail as it follows DATA: CRLF lines, dots doubled at their start, the final dot (RFC 5321 §4.5.2).

    A bare CR or LF becomes a line end here, since it could pass for one elsewhere and smuggle in a second mail.
    """
    if content.replace(b"\r", b"").replace(b"\n", b"\r\n") != content:
        content = LINE_ENDS.sub(b"\r\n", content)
    if not content.endswith(b"\r\n"):
        content += b"\r\n"
    if content.rfind(b"\r\n.") >= 0:  # twice as fast as to look for it from the start, or to replace what is not there
        content = content.replace(b"\r\n.", b"\r\n..")
    return b"".join((b"." if content.startswith(b".") else b"", content, b".\r\n"))


def chunks(data: bytes) -> Iterator[bytes]:
    """The data in pieces of which the last holds the whole end: CRLF, dot, CRLF."""
    start = 0
    while len(data) - start > CHUNK + len(b"\r\n.\r\n"):
        yield data[start : start + CHUNK]
        start += CHUNK
    yield data[start:]


def _needs_utf8(envelope: Envelope) -> bool:
    return not (envelope.mail_from.isascii() and envelope.rcpt_to.isascii())
