"""The engine's one recorder: results, as they come, into the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from mailer.delivery.evidence import late_evidence, settle
from mailer.delivery.failpoints import reach
from mailer.delivery.leash import Leash
from mailer.delivery.ledger import Recorded
from mailer.delivery.salvage import record_all
from mailer.delivery.transitions import TransitionRefused, change_status
from mailer.delivery.verdict import Result
from mailer.delivery.worker import Worker
from mailer.reasons import StatusReason

LARGEST_BATCH = 500  # results in one transaction
GATHER = 0.02  # seconds in which results may gather, where nobody waits for the ledger

OnRecorded = Callable[[list[Result], Recorded], None]


class Recorder:
    """Records in batches: each is what has come while the one before was committed. `on_recorded` runs after."""

    def __init__(self, worker: Worker, leash: Leash, on_recorded: OnRecorded) -> None:
        self._worker = worker
        self._database = worker.database
        self._leash = leash
        self._on_recorded = on_recorded

    async def run(self, results: asyncio.Queue[Result | None]) -> None:
        """Record until None is found. Waits for the database as long as it is away."""
        async for batch in self._batches(results):
            recorded = await self._database.patiently(record_all, self._worker.id, batch)
            self._leash.recorded(len(batch))
            reach("ledger.after_commit")
            if recorded.not_held:
                late = late_evidence(recorded.not_held)
                recorded.add(await self._database.patiently(settle, self._worker.id, late))
            self._worker.journal.recorded((result.claim.delivery_id, result.claim.number) for result in batch)
            for mailing_id, reason in recorded.to_pause.items():
                await self._pause_by_error(mailing_id, reason)
            self._on_recorded(batch, recorded)

    async def _pause_by_error(self, mailing_id: int, reason: StatusReason) -> None:
        try:
            await self._database.patiently(change_status, mailing_id, "pause", None, reason=reason)
        except TransitionRefused:
            return  # somebody has paused or cancelled it already

    async def _batches(self, results: asyncio.Queue[Result | None]) -> AsyncIterator[list[Result]]:
        while True:
            batch = [await results.get()]
            if batch[0] is not None:
                await self._leash.tightens(GATHER)
            while len(batch) < LARGEST_BATCH and not results.empty() and batch[-1] is not None:
                batch.append(results.get_nowait())
            if found := [result for result in batch if result is not None]:
                yield found
            if batch[-1] is None:
                return
