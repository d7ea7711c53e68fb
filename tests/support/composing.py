"""Mails composed for a test, and what the standard library reads in them."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage, MIMEPart
from typing import Any

from mailer.delivery.compose import Addressee, Composer, Content

DATE = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
LINK = "https://mail.example.com/u/3f9a2b/"


def addressee(full_name: str = "Ana", unsubscribe_url: str = LINK, **merge_data: str) -> Addressee:
    email = merge_data.setdefault("email", "ana@example.com")
    return Addressee(
        email, full_name, "<1.2@example.com>", {"full_name": full_name, **merge_data}, DATE, unsubscribe_url
    )


def composed(to: Addressee | None = None, **content: Any) -> bytes:
    """A mail with this content, of which what is not said is short and plain."""
    said = {"subject": "News", "text": "Hello", "from_email": "Sender <sender@example.com>", **content}
    return Composer(Content(**said)).compose(to or addressee()).content


def parsed(content: bytes) -> EmailMessage:
    return message_from_bytes(content, policy=policy.default)


def structure(mail: MIMEPart) -> Any:
    """The content types, those of parts in lists."""
    if not mail.is_multipart():
        return mail.get_content_type()
    return [mail.get_content_type(), *map(structure, mail.iter_parts())]


def data_of(part: MIMEPart) -> bytes:
    data = part.get_payload(decode=True)
    assert isinstance(data, bytes)
    return data


def text_of(part: MIMEPart) -> str:
    """The text with every line end as it is."""
    return data_of(part).decode()
