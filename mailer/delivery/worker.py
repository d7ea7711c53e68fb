"""This process as a worker: its registration, its lease, its mark, its gate and its journal."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

from django.db import OperationalError, connection

from core.clock import seconds
from mailer.delivery.claim import Claim, claim_deliveries, held_claims
from mailer.delivery.database import DATABASE_GONE, DatabaseThread
from mailer.delivery.frontier import Frontier
from mailer.delivery.gate import Gate, look
from mailer.delivery.journal import Journal
from mailer.delivery.journal_files import boot_id
from mailer.delivery.lease import LEASE, RENEW_EVERY, register_worker, renew_lease, retire_worker
from mailer.delivery.ledger import Recorded
from mailer.delivery.marks import MarkFile, check_mark
from mailer.delivery.restored import Held, check_history
from mailer.delivery.silence import Witness
from mailer.delivery.sweep import sweep_dead_workers

logger = logging.getLogger(__name__)

TROUBLE_LOOK = 0.25  # seconds until a change of what troubles the worker is told


class LeaseLost(Exception):
    """Another worker has taken this one's claims over: it must hand nothing more over."""


@dataclass(frozen=True)
class Worker:
    id: int
    database: DatabaseThread
    aside: DatabaseThread  # for what need not wait for claims and results, nor hold them up
    gate: Gate
    journal: Journal
    mark: MarkFile
    journals: Path
    host: str
    witness: Witness = field(default_factory=Witness)
    frontier: Frontier = field(default_factory=Frontier)
    held: Held = field(default_factory=dict)  # what the worker found to be held when it came
    swept: Recorded = field(default_factory=Recorded)  # what became of the claims of dead workers

    async def keep_lease(self, trouble: Callable[[], str]) -> None:
        """Renew the lease every few seconds, and at once when the trouble changes; sweep after dead workers.

        Raises LeaseLost. While the database is away the lease runs out by itself, and with it the gate.
        """
        while True:
            told = trouble()
            try:
                await self.renew(told)
                await self.sweep()
            except DATABASE_GONE as error:
                logger.warning("The lease could not be renewed: %s", error)
            for _look in range(round(RENEW_EVERY / TROUBLE_LOOK)):
                await asyncio.sleep(TROUBLE_LOOK)
                if trouble() != told:
                    break

    async def sweep(self) -> None:
        """Take over what dead workers have left."""
        self.swept.add(await self.database(sweep_dead_workers, self.id, self.journals, self.host, self.witness))

    async def claim(self, most: int, only_mailing: int | None) -> list[Claim]:
        """Claim up to so many deliveries. Raises DatabaseWentBack."""
        return await self.database(self._claim, most, only_mailing)

    async def held_claims(self) -> list[Claim]:
        """All claims that are this worker's by the database. Raises DatabaseWentBack."""
        return await self.database(self._held_claims)

    async def look(self, in_hand: Mapping[int, object]) -> None:
        """Tell the gate what may go of all mailings that are in hand when the answer comes: some may come meanwhile."""
        try:
            while True:
                asked, asked_at = set(in_hand), seconds()
                seen = await self.aside(look, self.id, asked)
                if in_hand.keys() <= asked:
                    break
            self.gate.update(seen, asked_at)
        except DATABASE_GONE as error:
            logger.warning("The database is away: %s", error)

    async def renew(self, trouble: str) -> None:
        asked_at = seconds()
        await self.database(self._renew, trouble)
        self.gate.lease_held_until(asked_at + LEASE.total_seconds())

    # On the database's thread.

    def _claim(self, most: int, only_mailing: int | None) -> list[Claim]:
        if self.database.is_in_doubt:  # a delivery that was given back would be taken from us as it is given back again
            raise OperationalError("What was to be recorded is in doubt.")
        claims, mark = claim_deliveries(self.id, self.mark.n, most, only_mailing, self.frontier)
        self.mark.advance(mark)
        return claims

    def _held_claims(self) -> list[Claim]:
        claims, mark = held_claims(self.id, self.mark.n)
        self.mark.advance(mark)
        return claims

    def _renew(self, trouble: str) -> None:
        mark = renew_lease(self.id, trouble)
        if not mark:
            raise LeaseLost("Another worker has taken over what this one had claimed.")
        check_mark(mark, self.mark.n)
        self.mark.advance(mark)
        self.mark.sync()


@asynccontextmanager
async def registered_worker(data_dir: Path, sync: bool) -> AsyncIterator[Worker]:
    """A worker with a journal of its own, for as long as the block runs.

    First holds what runs where the database has gone back, and takes over what the dead have left.
    """
    database = DatabaseThread()
    aside = DatabaseThread("engine-aside") if connection.vendor == "postgresql" else database  # SQLite has one writer
    journals, marks = data_dir / "journal", data_dir / "instance"
    host = socket.gethostname()
    try:
        worker_id = await database(register_worker, host, boot_id())
        line, held = await database(check_history, marks)
        with (
            closing(Journal.open(journals, worker_id, host, boot_id(), sync, line.token)) as journal,
            closing(MarkFile(marks, line.token, worker_id)) as mark,
        ):
            worker = Worker(worker_id, database, aside, Gate(seconds), journal, mark, journals, host, held=held)
            try:
                await worker.sweep()
                await worker.renew("")
                yield worker
            finally:
                await _retire(worker)
    finally:
        for thread in {database, aside}:
            await thread.close()


async def _retire(worker: Worker) -> None:
    try:
        leaves_claims = await worker.database(retire_worker, worker.id)
    except DATABASE_GONE as error:
        logger.warning("The lease is left to run out: %s", error)
        leaves_claims = True  # for all that is known
    if leaves_claims:
        worker.journal.keep()
