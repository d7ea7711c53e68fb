"""What a caught mail says, however broken it is."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header
from email.message import Message

from mailer.mailcatcher.store import CaughtMail
from mailer.writing.pictures import with_addresses

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
    files: list[CaughtFile]


@dataclass(frozen=True)
class CaughtFile:
    """A part that is neither of these texts. `number` counts the mail's parts; `content_id` is without its brackets."""

    number: int
    name: str
    content_type: str
    content_id: str
    data: bytes

    @property
    def is_picture(self) -> bool:
        return self.content_type in ("image/png", "image/jpeg", "image/gif", "image/webp")

    @property
    def size(self) -> int:
        return len(self.data)


def summary_of(mail: CaughtMail) -> Summary:
    return _summary(mail, message_from_bytes(mail.head()))


def read(mail: CaughtMail) -> Reading:
    message = message_from_bytes(mail.source())
    headers = [(name, readable(str(value))) for name, value in message.items()]
    files = list(_files(message))
    html = with_addresses(_part(message, "text/html"), {file.content_id: _data_url(file) for file in files})
    return Reading(_summary(mail, message), headers, _part(message, "text/plain"), html, files)


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


def _files(message: Message) -> Iterator[CaughtFile]:
    for number, part in enumerate(message.walk()):
        name, content_id = part.get_filename(), str(part.get("Content-ID", "")).strip().strip("<>")
        payload = part.get_payload(decode=True)
        if (name or content_id or part.get_content_disposition() == "attachment") and isinstance(payload, bytes):
            yield CaughtFile(number, readable(name or content_id or "?"), part.get_content_type(), content_id, payload)


def _data_url(file: CaughtFile) -> str:
    """A picture's own address, for a frame that loads nothing; nothing else has one."""
    if not file.is_picture:
        return ""
    return f"data:{file.content_type};base64,{b64encode(file.data).decode()}"


def _decoded(data: bytes | str, charset: str | None) -> str:
    if isinstance(data, str):
        return data
    try:
        return data.decode(charset or "utf-8", "replace")
    except LookupError:
        return data.decode("latin-1")
