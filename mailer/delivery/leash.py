"""How far the senders may run ahead of the ledger."""

from __future__ import annotations

import asyncio
import contextlib

LOOK_EVERY = 0.25  # seconds


class Leash:
    """At most so many mails are begun after a commit of the ledger and before the next.

    When the database goes away, no more than those go out without it; their replies are in the journal.
    """

    def __init__(self, length: int) -> None:
        self._length = length
        self._begun = 0
        self._committed = asyncio.Event()

    @property
    def is_slack(self) -> bool:
        """Whether another mail may be begun at this moment."""
        return self._begun < self._length

    async def has_room(self) -> bool:
        """Whether another mail may be begun; where not, after waiting a moment for the ledger."""
        if not self.is_slack:
            self._committed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await self._committed.wait()
        return self.is_slack

    def begin(self) -> None:
        self._begun += 1

    def committed(self) -> None:
        """The ledger has just committed results, and so works."""
        self._begun = 0
        self._committed.set()
