"""Content + merge data → the exact bytes that go out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Envelope:
    """One mail for one recipient, ready to be handed over."""

    mail_from: str
    rcpt_to: str
    message_id: str
    content: bytes  # CRLF lines, not dot-stuffed
