"""The claims, as one of the senders takes them from the queue that all share."""

from __future__ import annotations

import asyncio

from mailer.delivery.claim import Claim


class Intake:
    """The queue ends with a None for each sender."""

    def __init__(self, claims: asyncio.Queue[Claim | None]) -> None:
        self._claims = claims
        self._ahead: Claim | None = None

    def peek(self) -> Claim | None:
        """The next claim, if one is there already. It is this sender's from now on."""
        if self._ahead is None and not self._claims.empty():
            self._ahead = self._claims.get_nowait()
            if self._ahead is None:
                self._claims.put_nowait(None)  # the end: for `take` to find
        return self._ahead

    def drop(self) -> None:
        """The claim that `peek` gave is under way."""
        self._ahead = None

    async def take(self, patience: float) -> Claim | None:
        """The next claim, or None for the end. Raises TimeoutError after so many seconds without."""
        if self._ahead is None and self._claims.empty():
            async with asyncio.timeout(patience):
                return await self._claims.get()
        claim = self._claims.get_nowait() if self._ahead is None else self._ahead
        self._ahead = None
        return claim
