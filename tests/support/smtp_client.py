"""What the tests of the engine's SMTP side share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mailer.delivery.compose import Envelope
from mailer.delivery.transaction import SmtpChannel, Timeouts
from mailer.delivery.transport import Server, open_connection
from tests.support.smtp_server import SmtpServer

CONTENT = b"Message-ID: <1@example.com>\r\nSubject: Hello\r\n\r\nGood morning\r\n"


def envelope(
    rcpt_to: str = "ann@example.com", content: bytes = CONTENT, mail_from: str = "news@example.com"
) -> Envelope:
    return Envelope(mail_from, rcpt_to, "<1@example.com>", content)


class Gate:
    """A hand-over that counts how often it was asked."""

    def __init__(self, is_open: bool = True) -> None:
        self.is_open = is_open
        self.asked = 0

    async def __call__(self) -> bool:
        self.asked += 1
        return self.is_open


@asynccontextmanager
async def channel_to(server: SmtpServer, timeouts: Timeouts | None = None) -> AsyncIterator[SmtpChannel]:
    channel = await open_connection(Server("127.0.0.1", server.port), timeouts)
    try:
        yield channel
    finally:
        await channel.quit()
