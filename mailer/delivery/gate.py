"""Which claims may no longer go: asked in memory right before the hand-over, answered by a look at the database.

The look is taken every 250 ms; a gate that could not look for a second is shut, for it knows nothing any more.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from core.clock import db_now
from mailer.delivery.suppression import suppressed_in_hand
from mailer.models import Mailing, Worker

LOOK_EVERY = 0.25  # seconds
TRUSTED_FOR = 0.9  # seconds after a look: what is handed over then leaves within the second


@dataclass(frozen=True)
class Look:
    """What the database said: how many seconds each mailing may still go on. One that is missing may not.

    `suppressed` are deliveries in the worker's hands that may not go, whatever their mailing may.
    """

    seconds_left: dict[int, float]
    suppressed: frozenset[int] = frozenset()


def look(worker_id: int, mailing_ids: Iterable[int]) -> Look:
    """Ask the database which of these mailings are sending, for how long, and who of those in hand is suppressed.

    None may go on for a worker whose claims another has taken over: a machine may sleep longer than its clock says.
    """
    if not Worker.objects.filter(pk=worker_id, swept_at=None).exists():
        return Look({})
    now = db_now()
    sending = Mailing.objects.filter(pk__in=list(mailing_ids), status=Mailing.Status.SENDING, owner__is_active=True)
    seconds_left = {pk: (ends_at - now).total_seconds() for pk, ends_at in sending.values_list("pk", "ends_at")}
    return Look(seconds_left, suppressed_in_hand(worker_id))


class Gate:
    """The last look, in memory. `clock` counts seconds, through the machine's sleep too."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ends: dict[int, float] = {}
        self._suppressed: frozenset[int] = frozenset()
        self._trusted_until = 0.0
        self._lease_until = 0.0
        self._known_until = 0.0  # the earlier of the two
        self._updated = asyncio.Event()

    def update(self, seen: Look, asked_at: float) -> None:
        """Take over a look that was asked for at `asked_at`: its answer may be as old as that."""
        self._ends = {mailing: asked_at + left for mailing, left in seen.seconds_left.items()}
        self._suppressed = seen.suppressed
        self._trusted_until = asked_at + TRUSTED_FOR
        self._known_until = min(self._trusted_until, self._lease_until)
        self._updated.set()

    def lease_held_until(self, moment: float) -> None:
        self._lease_until = moment
        self._known_until = min(self._trusted_until, self._lease_until)

    async def is_fresh(self) -> bool:
        """Whether the last look can be gone by; where not, after waiting a moment for the next one."""
        if self._clock() < self._trusted_until:
            return True
        self._updated.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY):
                await self._updated.wait()
        return self._clock() < self._trusted_until

    def allows(self, mailing_id: int, delivery_id: int) -> bool:
        """Whether this delivery's body may be handed over at this moment."""
        return delivery_id not in self._suppressed and self.is_open(mailing_id)

    def is_open(self, mailing_id: int) -> bool:
        """Whether bodies of this mailing may be handed over at this moment."""
        now = self._clock()
        return now < self._known_until and now < self._ends.get(mailing_id, 0.0)
