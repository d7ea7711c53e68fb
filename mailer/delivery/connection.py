"""What a sender needs of a connection, whatever carries the mail."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Protocol

from mailer.delivery.compose import Envelope
from mailer.delivery.outcome import Outcome, Scope, rejected_here

UNFIT = re.compile(r"[\x00-\x20\x7f<>\ud800-\udfff]")  # in a path, these would end it or begin another command


class Transaction(Protocol):
    """One mail, begun. Whatever the network or the server does is an outcome; only bugs and cancellation raise."""

    async def is_awaited(self) -> bool:
        """Whether the server wants the end of the mail, and has taken all before it. Where not, it has its outcome."""

    def hand_over(self) -> None:
        """Give the server the end: from here on it may have the whole mail. Nothing happens where it has gone."""

    def withhold(self) -> None:
        """Drop the connection before the end of the mail, instead of `hand_over`."""

    async def outcome(self) -> Outcome: ...


class SettledTransaction:
    """A Transaction that is over as it begins: refused before a word was said to the server."""

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome

    async def is_awaited(self) -> bool:
        return False

    def hand_over(self) -> None:
        """There is nothing to give."""

    def withhold(self) -> None:
        """There is nothing to keep."""

    async def outcome(self) -> Outcome:
        return self._outcome


class Connection(Protocol):
    """Mail after mail."""

    @property
    def is_usable(self) -> bool:
        """Whether another mail may be tried on it."""

    @property
    def takes_riders(self) -> bool:
        """Whether the next mail may begin when the one before it is awaited: it then rides behind that one's end."""

    def begin(self, envelope: Envelope) -> Transaction:
        """Begin with the next mail."""

    async def quit(self) -> None:
        """Take leave and close, at once where a mail is under way. Never raises for the network's sake.

        May be called twice.
        """


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
