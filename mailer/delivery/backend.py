"""Mail through an EMAIL_BACKEND of Django's other than SMTP: the console, files, memory."""

from __future__ import annotations

import asyncio
from email import message_from_bytes
from email.message import Message
from email.policy import Policy

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from mailer.delivery.compose import Envelope
from mailer.delivery.connection import HandOver, refused_for_an_address
from mailer.delivery.outcome import Kind, Outcome, Phase, Scope, classify_break, withheld


class BackendConnection:
    """A Connection without a server's reply: what the backend takes without complaint counts as accepted."""

    is_usable = True

    def __init__(self) -> None:
        self._backend = get_connection()

    async def deliver(self, envelope: Envelope, hand_over: HandOver) -> Outcome:
        """Give the backend the mail as it was composed. What it raises defers the mail."""
        if (refused := refused_for_an_address(envelope)) is not None:
            return refused
        if not await hand_over():
            return withheld(Phase.DATA)
        try:
            await asyncio.to_thread(self._backend.send_messages, [ComposedMessage(envelope)])
        except Exception as error:
            return classify_break(Phase.DATA, f"{settings.EMAIL_BACKEND}: {error}")
        return Outcome(
            Kind.ACCEPTED,
            Scope.RECIPIENT,
            Phase.BODY,
            None,
            "",
            f"Taken by {settings.EMAIL_BACKEND}, which gives no reply",
        )

    async def quit(self) -> None:
        """Nothing to close: the backends open and close by themselves for each mail."""


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
