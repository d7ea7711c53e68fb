"""What dead workers had in their hands, settled by their journals; where a journal can't speak, after a long wait."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.db.models import Exists, OuterRef

from core.clock import db_now
from mailer.delivery.claim import claim_of
from mailer.delivery.failpoints import reach
from mailer.delivery.journal import Entry, JournalMissing, Takeover, boot_id, take_over
from mailer.delivery.ledger import Result, record
from mailer.delivery.outcome import Outcome, Phase, classify_break, withheld
from mailer.models import Delivery, Worker

logger = logging.getLogger(__name__)

SILENCE = timedelta(minutes=10)  # after the lease, before claims that no journal explains become uncertain
BATCH = 500

KILLED = "The sender stopped after handing the mail over; the server's reply is not known."
UNKNOWN = "The sender vanished and its journal cannot tell whether the mail was handed over."


def sweep_dead_workers(by_worker: int, journals: Path, host: str) -> Counter[str]:
    """Settle the claims of every other worker that can be proved dead, or that has been silent too long.

    Returns how many deliveries came to which state, but for those that were not tried and wait again.
    """
    outcomes: Counter[str] = Counter()
    for worker in _others_with_claims(by_worker):
        takeover = _take_over(worker, journals, host)
        if takeover is not None:
            with closing(takeover):  # where recording fails, another may try
                outcomes += _sweep(worker, by_worker, takeover)
                takeover.remove()
        elif worker.lease_expires_at + SILENCE < db_now():
            outcomes += _sweep(worker, by_worker, None)
    return outcomes


def _others_with_claims(by_worker: int) -> list[Worker]:
    claims = Delivery.objects.filter(worker=OuterRef("pk"), state=Delivery.State.SENDING)
    return list(Worker.objects.exclude(pk=by_worker).filter(Exists(claims)))


def _take_over(worker: Worker, journals: Path, host: str) -> Takeover | None:
    """The worker's journal where its process is proved dead; None where it lives, or is another host's."""
    if worker.host != host:
        return None
    try:
        return take_over(journals, worker.pk)
    except JournalMissing:
        return None


def _sweep(worker: Worker, by_worker: int, takeover: Takeover | None) -> Counter[str]:
    states: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    Worker.objects.filter(pk=worker.pk).update(swept_at=db_now())
    for batch in _claimed_by(worker):
        results = [_result(delivery, takeover) for delivery in batch]
        reach("sweep.before_record")
        recorded = record(worker.pk, results, counted_by=by_worker)
        reach("sweep.after_record")
        states += recorded.states
        outcomes += recorded.outcomes
    found = ", ".join(f"{n} {state}" for state, n in states.items())
    logger.warning("Worker %s is gone; what it had claimed is now: %s", worker, found)
    return outcomes


def _claimed_by(worker: Worker) -> Iterator[list[Delivery]]:
    claimed = Delivery.objects.filter(worker=worker, state=Delivery.State.SENDING).order_by("pk")
    while batch := list(claimed[:BATCH]):
        yield batch


def _result(delivery: Delivery, takeover: Takeover | None) -> Result:
    claim = claim_of(delivery, db_now())
    entry = takeover.entries.get((delivery.pk, claim.number)) if takeover else None
    silence_proves = takeover is not None and takeover.proves_silence(boot_id())
    started_at = _moment(entry.handed_over_at if entry else None)
    finished_at = _moment(entry.replied_at if entry else None)
    return Result(claim, _outcome(entry, silence_proves), started_at, finished_at)


def _outcome(entry: Entry | None, silence_proves: bool) -> Outcome:
    if entry is None:
        return withheld(Phase.MAIL) if silence_proves else classify_break(Phase.BODY, UNKNOWN)
    return entry.outcome or classify_break(Phase.BODY, KILLED)


def _moment(timestamp: float | None) -> datetime:
    return db_now() if timestamp is None else datetime.fromtimestamp(timestamp, UTC)
