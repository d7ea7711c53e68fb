"""What a sender needs of a connection, whatever carries the mail."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from mailer.delivery.compose import Envelope
from mailer.delivery.outcome import Outcome

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
