"""What became of one SMTP transaction, and whose doing it was."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

MAX_RESPONSE_BYTES = 1024


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


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the table: phases, code, enhanced code and words, all of which must fit, and what they mean.

    The last three are regular expressions: the codes fit as a whole, the words anywhere in the text in any case.
    """

    phases: frozenset[Phase]
    code: str
    kind: Kind
    scope: Scope
    enhanced: str = ".*"
    words: str = ""

    def fits(self, phase: Phase, code: str, enhanced: str, text: str) -> bool:
        return (
            phase in self.phases
            and re.fullmatch(self.code, code) is not None
            and re.fullmatch(self.enhanced, enhanced) is not None
            and re.search(self.words, text, re.IGNORECASE) is not None
        )


ANY = frozenset(Phase)
GREETING = frozenset({Phase.CONNECT, Phase.HELLO, Phase.TLS})
LOGIN = frozenset({Phase.LOGIN})
MAIL = frozenset({Phase.MAIL})
RCPT = frozenset({Phase.RCPT})
DATA = frozenset({Phase.DATA})
BODY = frozenset({Phase.BODY})
TRANSACTION = MAIL | RCPT | DATA | BODY

ACCEPTED, DEFERRED, REJECTED, UNCERTAIN = Kind.ACCEPTED, Kind.DEFERRED, Kind.REJECTED, Kind.UNCERTAIN
RECIPIENT, MAILING, ACCOUNT, CONNECTION = Scope.RECIPIENT, Scope.MAILING, Scope.ACCOUNT, Scope.CONNECTION

# The first row that fits decides. Codes: RFC 5321 §4.2, RFC 4954 §6; enhanced codes: RFC 3463 and IANA's registry.
RULES = (
    Rule(BODY, "2..", ACCEPTED, RECIPIENT),
    Rule(ANY, "421", DEFERRED, CONNECTION),
    # The account.
    Rule(ANY - GREETING, "53[0458]", REJECTED, ACCOUNT),
    Rule(LOGIN, "5..", REJECTED, ACCOUNT),
    Rule(LOGIN | GREETING, ".*", DEFERRED, CONNECTION),
    # The server as a whole: its storage, its rates.
    Rule(TRANSACTION, "4..", DEFERRED, CONNECTION, enhanced=r"4\.(3\.1|5\.3)"),
    Rule(RCPT, "[45]..", REJECTED, MAILING, enhanced=r"([45]\.7\..*)?", words=r"\brelay(ing)?\b(?!@)"),
    Rule(TRANSACTION, "454", DEFERRED, CONNECTION),
    Rule(MAIL, "4..", DEFERRED, CONNECTION),
    Rule(RCPT, "4..", DEFERRED, CONNECTION, enhanced=r"4\.1\.[78]"),
    # What would befall every mail of the mailing: its size, its sender, its authentication (SPF, DKIM, DMARC, PTR).
    Rule(TRANSACTION, "5..", REJECTED, MAILING, enhanced=r"5\.3\.4"),
    Rule(TRANSACTION, "552", REJECTED, MAILING, enhanced="", words=r"too (big|large)|message size"),
    Rule(TRANSACTION, "5..", REJECTED, MAILING, enhanced=r"5\.1\.[78]"),
    Rule(TRANSACTION, "5..", REJECTED, MAILING, enhanced=r"5\.7\.(2[3-9]|30|31|32|40|509|515)"),
    Rule(RCPT, "5..", REJECTED, MAILING, words="(sender address|client host|helo command) rejected"),
    # A conversation out of step.
    Rule(RCPT, "501", REJECTED, RECIPIENT, enhanced=r"5\.1\..*"),
    Rule(RCPT | DATA | BODY, "501", DEFERRED, CONNECTION),
    Rule(TRANSACTION, "50[0234]|555", DEFERRED, CONNECTION),
    # A full mailbox: RFC 5321 §4.5.3.1.10 has 552 read as 452.
    Rule(TRANSACTION, "5..", DEFERRED, RECIPIENT, enhanced=r"5\.2\.2"),
    Rule(RCPT | BODY, "552", DEFERRED, RECIPIENT, enhanced=""),
    Rule(RCPT | BODY, "522", DEFERRED, RECIPIENT),
    # The rest goes by its first digit.
    Rule(MAIL, "5..", REJECTED, MAILING),
    Rule(RCPT | DATA | BODY, "4..", DEFERRED, RECIPIENT),
    Rule(RCPT | DATA | BODY, "5..", REJECTED, RECIPIENT),
    Rule(BODY, ".*", UNCERTAIN, RECIPIENT),
    Rule(ANY, ".*", DEFERRED, CONNECTION),
)


def classify_reply(phase: Phase, reply: Reply) -> Outcome:
    """What the reply that ended a transaction (or the way to it) means."""
    enhanced = enhanced_code(reply.text)
    rule = next(rule for rule in RULES if rule.fits(phase, str(reply.code), enhanced, reply.text))
    return Outcome(rule.kind, rule.scope, phase, reply.code, enhanced, clean_text(reply.text))


def classify_break(phase: Phase, reason: str) -> Outcome:
    """No reply that could be read: a lost connection, a time-out, garbage. At BODY nobody can know (RFC 1047)."""
    kind, scope = (UNCERTAIN, RECIPIENT) if phase is Phase.BODY else (DEFERRED, CONNECTION)
    return Outcome(kind, scope, phase, None, "", clean_text(reason))


def rejected_here(reason: str, enhanced_code: str = "", scope: Scope = RECIPIENT) -> Outcome:
    """Refused by us before a word was said to the server: no reply code."""
    return Outcome(REJECTED, scope, Phase.MAIL, None, enhanced_code, clean_text(reason))


def withheld(phase: Phase) -> Outcome:
    """The gate had closed before the hand-over: the server has nothing it could deliver."""
    return Outcome(Kind.WITHHELD, MAILING, phase, None, "", "")


def enhanced_code(text: str) -> str:
    """The enhanced status code at the start of a reply's text, or "" (RFC 3463 §2, RFC 2034 §4)."""
    match = re.match(r"\s*([245]\.\d{1,3}\.\d{1,3})(?!\S)", text, re.ASCII)
    return match[1] if match else ""


def clean_text(text: str) -> str:
    """The text on one line, without control characters and lone surrogates, cut to 1 KB of UTF-8."""
    printable = text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)
    return " ".join(printable.split()).encode()[:MAX_RESPONSE_BYTES].decode(errors="ignore")
