"""What became of one SMTP transaction, and whose doing it was."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """How far the conversation had come. From BODY on, the server may have the whole message."""

    CONNECT = "connect"
    HELLO = "hello"
    TLS = "tls"
    LOGIN = "login"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"


class Kind(StrEnum):
    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    REJECTED = "rejected"
    UNCERTAIN = "uncertain"
    WITHHELD = "withheld"  # the gate had closed: nothing was handed over


class Scope(StrEnum):
    """Whom the outcome is about, and so whom it is charged to: only RECIPIENT makes an attempt."""

    RECIPIENT = "recipient"
    MAILING = "mailing"
    ACCOUNT = "account"
    CONNECTION = "connection"


@dataclass(frozen=True, slots=True)
class Reply:
    """One SMTP reply (RFC 5321 §4.2): its code, and its lines' text joined by newlines."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    kind: Kind
    scope: Scope
    phase: Phase
    reply_code: int | None
    enhanced_code: str  # "5.1.1" (RFC 3463), or ""
    server_response: str  # control characters out, at most 1 KB

    @property
    def is_charged(self) -> bool:
        """Whether it counts as an attempt of the recipient's delivery."""
        return self.kind is not Kind.WITHHELD and self.scope is Scope.RECIPIENT
