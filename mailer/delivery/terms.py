"""The words in which an outcome is told: how far the conversation had come, what came of it, whom it is about."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """How far the conversation had come. From BODY on, the server may have the whole message."""

    CONNECT = "connect"
    HELLO = "hello"
    TLS = "tls"
    LOGIN = "login"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"  # the upload too, up to but without the chunk that holds the final dot
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
