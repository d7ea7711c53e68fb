"""Mail through an EMAIL_BACKEND of Django's other than SMTP: the console, files, memory."""

from __future__ import annotations

import asyncio
from email import message_from_bytes
from email.message import Message
from email.policy import Policy

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend

from mailer.delivery.compose import Envelope
from mailer.delivery.connection import SettledTransaction, Transaction, refused_for_an_address
from mailer.delivery.outcome import Kind, Outcome, Phase, Scope, classify_break, withheld

DJANGOS = "django.core.mail.backends."


class BackendConnection:
    """A Connection without a server's reply: what the backend takes without complaint counts as accepted."""

    is_usable = True
    takes_riders = False

    def __init__(self) -> None:
        self._backend = get_connection()

    def begin(self, envelope: Envelope) -> Transaction:
        if (refused := refused_for_an_address(envelope)) is not None:
            return SettledTransaction(refused)
        return BackendTransaction(self._backend, envelope)

    async def quit(self) -> None:
        """Nothing to close: the backends open and close by themselves for each mail."""


class BackendTransaction:
    """Gives the backend the mail as it was composed. One that took nothing, and says so, defers the mail.

    What Django's own raise says so: they write to a file, a terminal, or memory. Whatever another one was doing when
    it failed, it may have given the mail to somebody.
    """

    def __init__(self, backend: BaseEmailBackend, envelope: Envelope) -> None:
        self._backend = backend
        self._envelope = envelope
        self._is_handed_over = False

    async def is_awaited(self) -> bool:
        return True

    def hand_over(self) -> None:
        self._is_handed_over = True

    def withhold(self) -> None:
        """Nothing has been said that would have to be taken back."""

    async def outcome(self) -> Outcome:
        if not self._is_handed_over:
            return withheld(Phase.DATA)
        try:
            n = await asyncio.to_thread(self._backend.send_messages, [ComposedMessage(self._envelope)])
        except Exception as error:
            is_djangos = type(self._backend).__module__.startswith(DJANGOS)
            return classify_break(Phase.DATA if is_djangos else Phase.BODY, f"{settings.EMAIL_BACKEND}: {error}")
        if n == 0:
            return classify_break(Phase.DATA, f"{settings.EMAIL_BACKEND} has taken nothing")
        words = f"Taken by {settings.EMAIL_BACKEND}, which gives no reply"
        return Outcome(Kind.ACCEPTED, Scope.RECIPIENT, Phase.BODY, None, "", words)


class ComposedMessage(EmailMessage):
    """A composed mail as Django's backends want it."""

    def __init__(self, envelope: Envelope) -> None:
        self._parsed = message_from_bytes(envelope.content, _class=ComposedContent)
        self._parsed.composed = envelope.content
        super().__init__(subject=self._parsed["Subject"], from_email=envelope.mail_from, to=[envelope.rcpt_to])

    def message(self) -> ComposedContent:  # type: ignore[override]
        return self._parsed


class ComposedContent(Message):
    """Parsed for whoever reads its headers; its bytes are those that were composed, not a rendering of the parts."""

    composed = b""

    def as_bytes(self, unixfrom: bool = False, policy: Policy | None = None, linesep: str = "\n") -> bytes:
        """The composed bytes, with the line ends asked for, which are `\\n` by Django's custom."""
        return self.composed.replace(b"\r\n", linesep.encode())
