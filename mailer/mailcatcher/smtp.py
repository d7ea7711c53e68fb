"""A real SMTP server for development. It delivers nothing, and plays the roles that addresses ask for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from mailer.mailcatcher.store import Store

SIZE_LIMIT = 50 * 1024 * 1024  # bytes
SLOW = 2.0  # seconds
DROP_EVERY = 500  # mails between looks for mails to drop


class PortTaken(Exception):
    """Something else listens there; its text says what to do."""


class Catcher:
    """aiosmtpd's hooks. The roles: bounce.*@, full.*@, greylist.*@ (deferred the first time) and slow.*@."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: set[tuple[str | None, str]] = set()
        self._caught = 0

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        role = address.partition(".")[0].lower() if "." in address.partition("@")[0] else ""
        if role == "bounce":
            return f"550 5.1.1 <{address}>: Recipient address rejected: User unknown in virtual mailbox table"
        if role == "full":
            return f"452 4.2.2 <{address}>: The recipient's mailbox is over its storage limit"
        if role == "greylist" and self._is_first_try(envelope.mail_from, address):
            return f"450 4.7.1 <{address}>: Recipient address rejected: Greylisted, please try again later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    def _is_first_try(self, sender: str | None, address: str) -> bool:
        """Every second try passes, so that the next mailing is greylisted anew."""
        self._seen ^= {(sender, address)}
        return (sender, address) in self._seen

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        content = envelope.original_content or b""
        for recipient in envelope.rcpt_tos:
            self._store.add(envelope.mail_from or "", recipient, content)
        self._caught = number = self._caught + 1
        if number % DROP_EVERY == 0:
            self._store.drop_oldest()
        if any(recipient.lower().startswith("slow.") for recipient in envelope.rcpt_tos):
            await asyncio.sleep(SLOW)
        return f"250 2.0.0 Ok: caught as number {number}"


@asynccontextmanager
async def running_catcher(host: str, port: int, directory: Path) -> AsyncIterator[None]:
    """The catcher, listening for as long as the block runs. Raises PortTaken."""
    catcher = Catcher(Store(directory))

    def conversation() -> SMTP:
        return SMTP(
            catcher,
            hostname="mailcatcher.localhost",
            ident="Mail catcher",
            enable_SMTPUTF8=True,
            data_size_limit=SIZE_LIMIT,
        )

    try:
        server = await asyncio.get_running_loop().create_server(conversation, host, port)
    except OSError as error:
        raise PortTaken(
            f"The mail catcher cannot listen on {host}:{port}: {error.strerror}. "
            "Stop what does, or set another MAILCATCHER_PORT in .env."
        ) from error
    async with server:
        yield
