"""One of the engine's N senders: a connection of its own, and one claim after another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from django.utils import timezone

from mailer.delivery.claim import Claim
from mailer.delivery.compose import Addressee, Composer
from mailer.delivery.connection import ConnectFailed, Connection
from mailer.delivery.failpoints import reach
from mailer.delivery.leash import Leash
from mailer.delivery.ledger import Result
from mailer.delivery.outcome import Outcome, Phase, Scope, rejected_here, withheld
from mailer.delivery.transport import Transport
from mailer.delivery.worker import Worker
from mailer.merge_tags import TemplateProblem
from mailer.signing import unsubscribe_url

IDLE_CONNECTION = 10.0  # seconds a connection waits for the next mail before it is closed


class Sender:
    """Takes claims from a queue until it finds None, and puts a result for every claim, whatever befell it."""

    def __init__(
        self,
        worker: Worker,
        transport: Transport,
        composers: Mapping[int, Composer | TemplateProblem],
        leash: Leash,
        is_stopping: Callable[[], bool],
    ) -> None:
        self._gate = worker.gate
        self._journal = worker.journal
        self._transport = transport
        self._breaker = transport.breaker
        self._composers = composers
        self._leash = leash
        self._is_stopping = is_stopping
        self._connection: Connection | None = None

    async def run(self, claims: asyncio.Queue[Claim | None], results: asyncio.Queue[Result | None]) -> None:
        """Raises JournalUnwritable, and what a bug raises; the claim in hand is then left to the journal."""
        try:
            while (claim := await self._next(claims)) is not None:
                started_at = timezone.now()
                outcome = await self._send(claim)
                await results.put(Result(claim, outcome, started_at, timezone.now()))
        finally:
            await self._disconnect()

    async def _next(self, claims: asyncio.Queue[Claim | None]) -> Claim | None:
        while True:
            try:
                async with asyncio.timeout(IDLE_CONNECTION):
                    return await claims.get()
            except TimeoutError:
                await self._disconnect()

    async def _send(self, claim: Claim) -> Outcome:
        while not (await self._gate.is_fresh() and await self._leash.has_room()) and not self._is_stopping():
            continue
        if self._is_stopping():
            reach("release")
        self._leash.begin()
        async with self._breaker.turn() as may_try:
            if not may_try or self._is_stopping() or not self._gate.allows(claim.mailing_id, claim.delivery_id):
                return withheld(Phase.CONNECT)
            try:
                connection = await self._connected()
            except ConnectFailed as failed:
                self._breaker.trip(str(failed), failed.outcome.scope)
                is_for_a_person = failed.outcome.scope is Scope.ACCOUNT
                return failed.outcome if is_for_a_person else withheld(failed.outcome.phase)
            outcome = await self._deliver(claim, connection)
            self._breaker.hear(outcome)
            return outcome

    async def _deliver(self, claim: Claim, connection: Connection) -> Outcome:
        composer = self._composers[claim.mailing_id]
        if isinstance(composer, TemplateProblem):
            return rejected_here(str(composer), scope=Scope.MAILING)
        try:
            envelope = composer.compose(_addressee(claim))
        except TemplateProblem as problem:
            return rejected_here(str(problem))
        handed_over = False

        async def hand_over() -> bool:
            nonlocal handed_over
            if not self._gate.allows(claim.mailing_id, claim.delivery_id):
                return False
            reach("journal.before_handing_over")
            self._journal.handing_over(claim.delivery_id, claim.number, timezone.now().timestamp())
            reach("journal.after_handing_over")
            handed_over = True
            await self._journal.synced()
            # Once more: the disk may have taken its time, or the process been frozen and lost its claims.
            return self._gate.allows(claim.mailing_id, claim.delivery_id)

        outcome = await connection.deliver(envelope, hand_over)
        if handed_over:
            reach("journal.before_reply")
            self._journal.reply(claim.delivery_id, claim.number, timezone.now().timestamp(), outcome)
            reach("journal.after_reply")
        return outcome

    async def _connected(self) -> Connection:
        if self._connection is None or not self._connection.is_usable:
            await self._disconnect()
            self._connection = self._breaker.take_connection() or await self._transport.open()
        return self._connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.quit()


def _addressee(claim: Claim) -> Addressee:
    link = unsubscribe_url(claim.delivery_id)
    return Addressee(claim.email, claim.full_name, claim.message_id, claim.merge_data, claim.date, link)
