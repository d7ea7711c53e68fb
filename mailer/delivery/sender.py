"""One of the engine's N senders: a connection of its own, and one claim after another.

Where the connection takes riders, the next claim's mail begins right behind the end of the one before it, and waits
with its own end until that one has its reply.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import time

from core.clock import microseconds, seconds
from mailer.delivery.claim import Claim
from mailer.delivery.compose import Addressee, Composer, Envelope
from mailer.delivery.connection import ConnectFailed, Connection, Transaction
from mailer.delivery.content import Problem
from mailer.delivery.dkim_keys import KeyProblem
from mailer.delivery.failpoints import reach
from mailer.delivery.intake import Intake
from mailer.delivery.leash import Leash
from mailer.delivery.outcome import Outcome, Phase, Scope, rejected_here, withheld
from mailer.delivery.transport import Transport
from mailer.delivery.verdict import Result
from mailer.delivery.worker import Worker
from mailer.merge_tags import TemplateProblem
from mailer.signing import links_from_settings

KEY_UNUSABLE = "The site's DKIM key can't be read, so no mail can be signed. Whoever runs the site must mend it."
IDLE_CONNECTION = 10.0  # seconds a connection waits for the next mail before it is closed


@dataclass(slots=True)
class Trip:
    """A claim on its way, its mail begun."""

    claim: Claim
    mail: Transaction
    started_at: int
    rides: bool  # behind the end of another mail
    is_in_journal: bool = False


class Sender:
    """Takes claims until the queue ends, and puts a result for every claim, whatever befell it.

    `loners` are deliveries that ride behind no other mail, shared by all senders: see `_conclude`.
    """

    def __init__(
        self,
        worker: Worker,
        transport: Transport,
        composers: Mapping[int, Composer | Problem],
        leash: Leash,
        loners: set[int],
        is_stopping: Callable[[], bool],
    ) -> None:
        self._gate = worker.gate
        self._journal = worker.journal
        self._transport = transport
        self._breaker = transport.breaker
        self._composers = composers
        self._leash = leash
        self._loners = loners
        self._is_stopping = is_stopping
        self._links = links_from_settings()
        self._connection: Connection | None = None

    async def run(self, claims: asyncio.Queue[Claim | None], results: asyncio.Queue[Result | None]) -> None:
        """Raises JournalUnwritable, and what a bug raises; the claims in hand are then left to the journal."""
        self._intake = Intake(claims)
        self._results = results
        try:
            while (claim := await self._next()) is not None:
                await self._send(claim)
        finally:
            await self._disconnect()

    async def _next(self) -> Claim | None:
        while True:
            try:
                return await self._intake.take(IDLE_CONNECTION)
            except TimeoutError:
                await self._disconnect()

    async def _send(self, claim: Claim) -> None:
        """This claim, and whatever comes to ride behind it."""
        while not (await self._gate.is_fresh() and await self._leash.has_room()) and not self._is_stopping():
            continue
        if self._is_stopping():
            reach("release")
        self._leash.begin()
        self._loners.discard(claim.delivery_id)
        started_at = microseconds()
        async with self._breaker.turn() as may_try:
            if not may_try or self._is_stopping() or not self._may_begin(claim):
                self._report(claim, withheld(Phase.CONNECT), started_at)
                return
            try:
                connection = await self._connected()
            except ConnectFailed as failed:
                self._report(claim, self._without_connection(failed), started_at)
                return
            trip = self._begin(claim, connection, started_at)
            while trip is not None:
                trip = await self._see_through(trip, connection)

    def _without_connection(self, failed: ConnectFailed) -> Outcome:
        self._breaker.trip(str(failed), failed.outcome.scope)
        is_for_a_person = failed.outcome.scope is Scope.ACCOUNT
        return failed.outcome if is_for_a_person else withheld(failed.outcome.phase)

    async def _see_through(self, trip: Trip, connection: Connection) -> Trip | None:
        """One mail to its outcome. Returns the trip that rides behind it."""
        rider = None
        if await trip.mail.is_awaited():
            if await self._may_go(trip):
                rider = self._rider(connection)
                trip.mail.hand_over()
            else:
                trip.mail.withhold()
        self._conclude(trip, await trip.mail.outcome())
        return rider

    def _rider(self, connection: Connection) -> Trip | None:
        """The next claim, its mail begun behind the one that is awaited, where it is there and may go."""
        while self._lets_riders(connection) and (claim := self._intake.peek()) is not None:
            if claim.delivery_id in self._loners or not self._may_begin(claim):
                return None
            self._intake.drop()
            self._leash.begin()
            if (trip := self._begin(claim, connection, microseconds(), rides=True)) is not None:
                return trip
        return None

    def _may_begin(self, claim: Claim) -> bool:
        is_late = claim.token is not None and claim.token.is_over(seconds())
        return not is_late and self._lets_through(claim)

    def _lets_through(self, claim: Claim) -> bool:
        return self._gate.allows(claim.mailing_id, claim.delivery_id)

    def _lets_riders(self, connection: Connection) -> bool:
        may_begin = self._breaker.lets_all and self._leash.is_slack and not self._is_stopping()
        return may_begin and connection.takes_riders and connection.is_usable

    def _begin(self, claim: Claim, connection: Connection, started_at: int, rides: bool = False) -> Trip | None:
        """Compose the mail and begin with it; one that can't be composed is over at once."""
        composed = self._compose(claim)
        if isinstance(composed, Outcome):
            self._report(claim, composed, started_at)
            return None
        return Trip(claim, connection.begin(composed), started_at, rides)

    def _compose(self, claim: Claim) -> Envelope | Outcome:
        composer = self._composers[claim.mailing_id]
        if not isinstance(composer, Composer):
            return _not_composed(composer)
        try:
            return composer.compose(self._addressee(claim))
        except TemplateProblem as problem:
            return rejected_here(str(problem))

    def _addressee(self, claim: Claim) -> Addressee:
        link = self._links.url(claim.delivery_id)
        return Addressee(claim.email, claim.full_name, claim.message_id, claim.merge_data, claim.date, link)

    async def _may_go(self, trip: Trip) -> bool:
        """Whether it may be handed over, which is then in the journal."""
        claim = trip.claim
        while not await self._leash.hand_over():
            if not self._lets_through(claim):
                return False
        if not self._lets_through(claim):
            return False
        reach("journal.before_handing_over")
        self._journal.handing_over(claim.delivery_id, claim.number, time())
        reach("journal.after_handing_over")
        trip.is_in_journal = True
        await self._journal.synced()
        # Once more: the disk may have taken its time, or the process been frozen and lost its claims.
        return self._lets_through(claim)

    def _conclude(self, trip: Trip, outcome: Outcome) -> None:
        """Nobody is charged with, nor suspected of, what broke off while it rode behind another's mail.

        It goes by itself the next time, so that one that breaks every connection is found out.
        """
        try:
            if trip.is_in_journal:
                reach("journal.before_reply")
                self._journal.reply(trip.claim.delivery_id, trip.claim.number, time(), outcome)
                reach("journal.after_reply")
        finally:  # what is known is recorded, whether or not the journal could be written
            self._breaker.hear(outcome)
            if trip.rides and outcome.breaks:
                self._loners.add(trip.claim.delivery_id)
                outcome = withheld(outcome.phase)
            self._report(trip.claim, outcome, trip.started_at)

    def _report(self, claim: Claim, outcome: Outcome, started_at: int) -> None:
        self._results.put_nowait(Result(claim, outcome, started_at, microseconds()))

    async def _connected(self) -> Connection:
        if self._connection is None or not self._connection.is_usable:
            await self._disconnect()
            self._connection = self._breaker.take_connection() or await self._transport.open()
        return self._connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.quit()


def _not_composed(problem: Problem) -> Outcome:
    """A key's problem is not told: its text names the file, which is not for everybody."""
    return rejected_here(KEY_UNUSABLE if isinstance(problem, KeyProblem) else str(problem), scope=Scope.MAILING)
