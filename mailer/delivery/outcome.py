"""What became of one SMTP transaction, and whose doing it was."""

from __future__ import annotations

import re
from typing import NamedTuple

from mailer.delivery.rules import TRANSACTION, Rule, blames_content, rule_for
from mailer.delivery.terms import Kind, Phase, Scope

__all__ = [
    "Kind",
    "Outcome",
    "Phase",
    "Reply",
    "Scope",
    "charged_after_all",
    "classify_break",
    "classify_reply",
    "clean_text",
    "enhanced_code",
    "rejected_here",
    "withheld",
]

MAX_RESPONSE_BYTES = 1024
ENHANCED_CODE = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})(?!\S)", re.ASCII)


class Reply(NamedTuple):
    """One SMTP reply (RFC 5321 §4.2): its code, and its lines' text joined by newlines."""

    code: int
    text: str


class Outcome(NamedTuple):
    """A tuple since one is made for every mail: a frozen dataclass takes three times as long to make."""

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

    @property
    def is_judged(self) -> bool:
        """Whether the server has decided about the mail, and so works."""
        if self.kind is Kind.ACCEPTED:
            return True
        has_reply = self.reply_code is not None and self.kind is not Kind.UNCERTAIN
        return has_reply and self.scope is not Scope.CONNECTION

    @property
    def suppresses(self) -> bool:
        """Whether the server says that the address is gone for good, so that no mailing should try it again."""
        is_judged = self.kind is Kind.REJECTED and self.scope is Scope.RECIPIENT
        return is_judged and self.reply_code is not None and self._rule(self.reply_code).suppresses

    @property
    def advice(self) -> str:
        """What a person can do about it: one of the codes of mailer/reasons.py, or ""."""
        return "" if self.reply_code is None else self._rule(self.reply_code).advice

    @property
    def breaks(self) -> bool:
        """Whether the conversation broke within its transaction, charged to nobody, where throttling is no breaking."""
        is_broken = self.scope is Scope.CONNECTION and self.phase in TRANSACTION
        return is_broken and (self.reply_code in (None, 421) or self.reply_code // 100 != 4)

    @property
    def blames_content(self) -> bool:
        """Whether the recipient was refused for what the mail is, as others may be after it."""
        is_judged = self.kind is Kind.REJECTED and self.scope is Scope.RECIPIENT
        return is_judged and blames_content(self.reply_code, self.enhanced_code, self.server_response)

    def _rule(self, code: int) -> Rule:
        return rule_for(self.phase, code, self.enhanced_code, self.server_response)


def classify_reply(phase: Phase, reply: Reply) -> Outcome:
    """What the reply that ended a transaction (or the way to it) means."""
    text = clean_text(reply.text)
    enhanced = enhanced_code(text)
    rule = rule_for(phase, reply.code, enhanced, text)
    return Outcome(rule.kind, rule.scope, phase, reply.code, enhanced, text)


def classify_break(phase: Phase, reason: str) -> Outcome:
    """No reply that could be read: a lost connection, a time-out, garbage. At BODY nobody can know (RFC 1047)."""
    is_handed_over = phase is Phase.BODY
    kind, scope = (Kind.UNCERTAIN, Scope.RECIPIENT) if is_handed_over else (Kind.DEFERRED, Scope.CONNECTION)
    return Outcome(kind, scope, phase, None, "", clean_text(reason))


def charged_after_all(outcome: Outcome) -> Outcome:
    """A break that the recipient is charged with, since it alone breaks: put off where the server asked for that."""
    kind = Kind.DEFERRED if outcome.reply_code == 421 else Kind.REJECTED
    words = f"{outcome.server_response} (again and again for this recipient, while other mail passed)"
    return outcome._replace(kind=kind, scope=Scope.RECIPIENT, server_response=clean_text(words))


def rejected_here(reason: str, enhanced_code: str = "", scope: Scope = Scope.RECIPIENT) -> Outcome:
    """Refused by us before a word was said to the server: no reply code."""
    return Outcome(Kind.REJECTED, scope, Phase.MAIL, None, enhanced_code, clean_text(reason))


def withheld(phase: Phase) -> Outcome:
    """The gate had closed before the hand-over: the server has nothing it could deliver."""
    return Outcome(Kind.WITHHELD, Scope.MAILING, phase, None, "", "")


def enhanced_code(text: str) -> str:
    """The enhanced status code at the start of a reply's text, or "" (RFC 3463 §2, RFC 2034 §4)."""
    match = ENHANCED_CODE.match(text)
    return match[1] if match else ""


def clean_text(text: str) -> str:
    """The text on one line, without control characters and lone surrogates, cut to 1 KB of UTF-8."""
    printable = text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)
    line = " ".join(printable.split())
    if line.isascii():
        return line[:MAX_RESPONSE_BYTES]
    return line.encode()[:MAX_RESPONSE_BYTES].decode(errors="ignore")
