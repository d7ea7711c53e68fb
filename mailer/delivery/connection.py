"""What a sender needs of a connection, whatever carries the mail."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Protocol

from mailer.delivery.compose import Envelope
from mailer.delivery.outcome import Outcome, Scope, rejected_here

UNFIT = re.compile(r"[\x00-\x20\x7f<>\ud800-\udfff]")  # in a path, these would end it or begin another command

HandOver = Callable[[], Awaitable[bool]]
"""Called once, right before the server could have the whole message: False keeps it from going."""


class Connection(Protocol):
    """One at a time, mail after mail. SMTP results are values: `deliver` raises for bugs and cancellation only."""

    @property
    def is_usable(self) -> bool:
        """Whether another mail may be tried on it."""

    async def deliver(self, envelope: Envelope, hand_over: HandOver) -> Outcome: ...

    async def quit(self) -> None:
        """Take leave and close. Never raises for the network's sake, and may be called twice."""


OpenConnection = Callable[[], Awaitable[Connection]]


class ConnectFailed(Exception):
    """No connection. Its text says why, to a person; `outcome` says in which phase, and whose doing it was."""

    def __init__(self, reason: str, outcome: Outcome) -> None:
        super().__init__(reason)
        self.outcome = outcome


def refused_for_an_address(envelope: Envelope) -> Outcome | None:
    """An address that would end the path it stands in, or begin another command, is said to no server."""
    if UNFIT.search(envelope.mail_from):
        return rejected_here("The sender's address can't be said in SMTP.", "5.1.7", Scope.MAILING)
    if UNFIT.search(envelope.rcpt_to):
        return rejected_here("The address can't be said in SMTP.", "5.1.3")
    return None
