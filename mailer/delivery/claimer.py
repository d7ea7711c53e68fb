"""The engine's one claimer: what is due, claimed before the senders' hands are empty, and with all they need for it."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Sequence

from core.clock import seconds
from mailer.delivery.breaker import Breaker
from mailer.delivery.claim import MOST_CLAIMED, Claim
from mailer.delivery.compose import Composer
from mailer.delivery.content import Problem, load_composers
from mailer.delivery.database import DATABASE_GONE
from mailer.delivery.failpoints import reach
from mailer.delivery.pacer import Pacer
from mailer.delivery.verdict import Result
from mailer.delivery.worker import Worker

logger = logging.getLogger(__name__)

LEAD = 0.12  # seconds of work that still wait when the next claim is asked for: it may have to wait for a commit
MOST_COMPOSERS = 20  # kept for later claims too: each may hold 14 MB of attachments


class Claimer:
    """Puts claims into the queue of so many senders, each when its time has come.

    `in_hand` counts those that are not recorded yet, by mailing; `composers` has one for each of these mailings.
    """

    def __init__(self, worker: Worker, breaker: Breaker, senders: int, only_mailing: int | None) -> None:
        self._worker = worker
        self._breaker = breaker
        self._senders = senders
        self._only_mailing = only_mailing
        self.claims: asyncio.Queue[Claim | None] = asyncio.Queue()
        self.composers: dict[int, Composer | Problem] = {}
        self.in_hand: Counter[int] = Counter()
        self._pacer = Pacer(self.claims, seconds)
        self._rate = RecentRate()
        self._answer_lost = False  # whether claims may be ours that we do not know of

    @property
    def keeps_back(self) -> bool:
        """Whether claims wait for a limit's permission to go."""
        return self._pacer.waiting > 0

    async def claim(self) -> bool | None:
        """Claim a second of work at most. Whether there may be more to claim; None where it was no time to."""
        rate = self._rate.per_second(seconds())
        most = max(2 * self._senders, min(MOST_CLAIMED, rate))
        if self._breaker.is_open or self.claims.qsize() > max(most // 2, int(LEAD * rate)):
            return None
        if self._answer_lost and self.in_hand:
            return None  # what is in hand must be told from what the lost answer may have named
        try:
            claims = await self._claim(most)
        except DATABASE_GONE as error:
            logger.warning("The database is away: %s", error)
            self._answer_lost = True
            return None
        self._answer_lost = False
        if claims:
            reach("claim.after_commit")
        self.in_hand.update(claim.mailing_id for claim in claims)
        await self._prepare({claim.mailing_id for claim in claims})
        for claim in claims:
            self._pacer.put(claim)
        return len(claims) == most if self.keeps_back else bool(claims) or self._worker.frontier.passed_over

    async def _claim(self, most: int) -> list[Claim]:
        if self._answer_lost:
            return await self._worker.held_claims()
        return await self._worker.claim(most, self._only_mailing)

    async def _prepare(self, mailing_ids: set[int]) -> None:
        """Have a composer for each of these mailings, and the gate know of it."""
        # A problem is looked at anew: it paused its mailing, which a person has resumed, having mended a key maybe.
        if missing := {one for one in mailing_ids if not isinstance(self.composers.get(one), Composer)}:
            if len(self.composers) > MOST_COMPOSERS:
                for mailing_id in self.composers.keys() - self.in_hand.keys():
                    del self.composers[mailing_id]
            self.composers.update(await self._worker.database.patiently(load_composers, missing))
        if not all(self._worker.gate.is_open(mailing_id) for mailing_id in mailing_ids):
            await self._worker.look(self.in_hand)  # the last look was before these were claimed

    def recorded(self, batch: Sequence[Result]) -> None:
        """These are not in hand any more."""
        self.in_hand -= Counter(result.claim.mailing_id for result in batch)
        self._rate.add(seconds(), len(batch))

    def end(self) -> None:
        """Let the senders have all that is kept back, to give it back as they stop, and then the queue's end."""
        self._pacer.stop()
        for _sender in range(self._senders):
            self.claims.put_nowait(None)


class RecentRate:
    """How many results were recorded over the last second."""

    def __init__(self) -> None:
        self._batches: deque[tuple[float, int]] = deque()

    def add(self, now: float, n: int) -> None:
        self._batches.append((now, n))

    def per_second(self, now: float) -> int:
        while self._batches and self._batches[0][0] < now - 1:
            self._batches.popleft()
        return sum(n for _at, n in self._batches)
