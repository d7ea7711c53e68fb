"""What a caught mail says, however broken it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header
from email.message import Message

from mailer.mailcatcher.store import CaughtMail

LONGEST_PART = 1_000_000  # characters shown


@dataclass(frozen=True)
class Summary:
    """A line of the inbox."""

    key: str
    caught_at: datetime
    sender: str
    recipient: str
    subject: str


@dataclass(frozen=True)
class Reading:
    """A whole mail: its headers in order, and its first text and HTML parts ("" where there is none)."""

    summary: Summary
    headers: list[tuple[str, str]]
    text: str
    html: str


def summary_of(mail: CaughtMail) -> Summary:
    return _summary(mail, message_from_bytes(mail.head()))


def read(mail: CaughtMail) -> Reading:
    message = message_from_bytes(mail.source())
    headers = [(name, readable(str(value))) for name, value in message.items()]
    return Reading(_summary(mail, message), headers, _part(message, "text/plain"), _part(message, "text/html"))


def readable(value: str) -> str:
    """A header's value with its encoded-words decoded, as far as that goes."""
    try:
        parts = [_decoded(part, charset) for part, charset in decode_header(value)]
    except (ValueError, LookupError):
        return value
    return " ".join("".join(parts).split())


def _summary(mail: CaughtMail, message: Message) -> Summary:
    return Summary(
        key=mail.key,
        caught_at=datetime.fromtimestamp(mail.caught_at, UTC),
        sender=readable(str(message.get("From", ""))),
        recipient=readable(str(message.get("Delivered-To", ""))),
        subject=readable(str(message.get("Subject", ""))),
    )


def _part(message: Message, content_type: str) -> str:
    for part in message.walk():
        if part.get_content_type() == content_type and part.get_content_disposition() != "attachment":
            payload = part.get_payload(decode=True)
            if isinstance(payload, bytes):
                return _decoded(payload, part.get_content_charset())[:LONGEST_PART]
    return ""


def _decoded(data: bytes | str, charset: str | None) -> str:
    if isinstance(data, str):
        return data
    try:
        return data.decode(charset or "utf-8", "replace")
    except LookupError:
        return data.decode("latin-1")
