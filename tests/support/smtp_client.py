"""What the tests of the engine's SMTP side share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from mailer.delivery.channel import SmtpChannel
from mailer.delivery.compose import Envelope
from mailer.delivery.connection import Connection
from mailer.delivery.outcome import Outcome
from mailer.delivery.steps import Timeouts
from mailer.delivery.transport import Server, open_connection
from tests.support.smtp_server import SmtpServer

CONTENT = b"Message-ID: <1@example.com>\r\nSubject: Hello\r\n\r\nGood morning\r\n"

MOMENT = 0.5  # seconds, in which whoever replies at all has replied, on a busy machine too


def impatient(*steps: str, seconds: float = MOMENT) -> Timeouts:
    """Little patience where the server is to fall silent, and none of it lost where it is to reply."""
    return Timeouts(**dict.fromkeys(steps, seconds))


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


async def deliver(connection: Connection, mail: Envelope, may_go: Callable[[], Awaitable[bool]]) -> Outcome:
    """One mail by itself, as a sender sees it through."""
    transaction = connection.begin(mail)
    if await transaction.is_awaited():
        if await may_go():
            transaction.hand_over()
        else:
            transaction.withhold()
    return await transaction.outcome()


@asynccontextmanager
async def channel_to(server: SmtpServer, timeouts: Timeouts | None = None) -> AsyncIterator[SmtpChannel]:
    channel = await open_connection(Server("127.0.0.1", server.port), timeouts)
    try:
        yield channel
    finally:
        await channel.quit()
