"""What dead workers had in their hands, settled by their journals; where a journal can't speak, after a long wait."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q

from core.clock import db_now, microseconds_of
from mailer.delivery.claim import IS_CLAIMED, claim_of
from mailer.delivery.evidence import BY_JOURNAL, Evidence, settle
from mailer.delivery.failpoints import reach
from mailer.delivery.journal_files import JournalMissing, boot_id, journals_in
from mailer.delivery.ledger import Recorded
from mailer.delivery.lookups import Literally
from mailer.delivery.outcome import Outcome, Phase, classify_break, withheld
from mailer.delivery.restored import Line, current_line
from mailer.delivery.salvage import record_all
from mailer.delivery.silence import Witness
from mailer.delivery.takeover import Entry, Takeover, take_over
from mailer.delivery.verdict import Result
from mailer.models import Attempt, Delivery, Worker

logger = logging.getLogger(__name__)

SILENCE = timedelta(minutes=10)  # after the lease, before claims that no journal explains become uncertain
BATCH = 500

IS_UNKNOWN = Literally(F("status"), [Attempt.Status.UNCERTAIN])

KILLED = "The sender stopped after handing the mail over; the server's reply is not known."
UNKNOWN = "The sender vanished and its journal cannot tell whether the mail was handed over."


def sweep_dead_workers(by_worker: int, journals: Path, host: str, witness: Witness) -> Recorded:
    """Settle the claims of every other worker that can be proved dead, or that has been silent too long.

    So are attempts that became uncertain when a journal was missing, once it is there.
    """
    swept = Recorded()
    line = current_line()
    for worker in _suspects(by_worker, journals, witness):
        takeover = _take_over(worker, journals, host, line)
        if takeover is not None:
            with closing(takeover):  # where recording fails, another may try
                told = Told(takeover, takeover.proves_silence(boot_id(), line.token))
                swept.add(_sweep(worker, by_worker, told))
                swept.add(settle(worker.pk, _evidence(told, worker), by_worker))
                takeover.remove()
        elif worker.lease_expires_at + SILENCE < db_now() and witness.has_seen_silence(worker):
            swept.add(_sweep(worker, by_worker, None))
    return swept


def _suspects(by_worker: int, journals: Path, witness: Witness) -> list[Worker]:
    """Who has claims, and who has left a journal here though its lease has run out."""
    claims = Delivery.objects.filter(IS_CLAIMED, worker=OuterRef("pk"))
    left_a_journal = Q(pk__in=journals_in(journals), lease_expires_at__lt=db_now())
    workers = list(Worker.objects.exclude(pk=by_worker).filter(Exists(claims) | left_a_journal))
    witness.look(workers)
    return workers


def _take_over(worker: Worker, journals: Path, host: str, line: Line) -> Takeover | None:
    """The worker's journal where its process is proved dead, or given up; None where it may live, or there is none.

    The lock proves a death on this machine only: under this name, or under this boot (a container's name changes).
    """
    if host != worker.host and boot_id() != worker.boot_id and worker.swept_at is None:
        return None
    try:
        takeover = take_over(journals, worker.pk)
    except JournalMissing:
        return None
    if takeover is not None and takeover.instance not in (line.token, line.forked_from):
        takeover.close()  # of another database, whose worker had the same number
        return None
    return takeover


@dataclass(frozen=True)
class Told:
    """What a journal tells of each attempt, and whether its silence tells something too."""

    takeover: Takeover
    silence_proves: bool

    def of(self, delivery_id: int, number: int) -> Entry | None:
        return self.takeover.entries.get((delivery_id, number))


def _sweep(worker: Worker, by_worker: int, told: Told | None) -> Recorded:
    swept = Recorded()
    gone = Worker.objects.filter(pk=worker.pk)
    if told is None:  # it may have renewed its lease since that was read
        gone = gone.filter(lease_expires_at=worker.lease_expires_at)
    if not gone.update(swept_at=db_now()):
        return swept
    for batch in _claimed_by(worker):
        results = [_result(delivery, told) for delivery in batch]
        reach("sweep.before_record")
        swept.add(_record(worker, results, by_worker, told))
        reach("sweep.after_record")
    if swept.states:
        found = ", ".join(f"{n} {state}" for state, n in swept.states.items())
        logger.warning("Worker %s is gone; what it had claimed is now: %s", worker, found)
    return swept


def _claimed_by(worker: Worker) -> Iterator[list[Delivery]]:
    claimed = Delivery.objects.filter(IS_CLAIMED, worker=worker).order_by("pk")
    while batch := list(claimed[:BATCH]):
        yield batch


@transaction.atomic
def _record(worker: Worker, results: list[Result], by_worker: int, told: Told | None) -> Recorded:
    recorded = record_all(worker.pk, results, by_worker)
    if told is None:  # it may come back, or the worker may wake up
        numbers = {result.claim.delivery_id: result.claim.number for result in results}
        made = Attempt.objects.filter(delivery__in=numbers, status=Attempt.Status.UNCERTAIN)
        last = [attempt.pk for attempt in made if attempt.number == numbers[attempt.delivery_id]]
        Attempt.objects.filter(pk__in=last).update(missing_journal=worker.pk)
    return recorded


def _evidence(told: Told, worker: Worker) -> list[Evidence]:
    """What the journal tells of the attempts that became uncertain while it was missing."""
    unsettled = Attempt.objects.filter(IS_UNKNOWN, missing_journal=worker.pk)
    return [
        Evidence(delivery_id, number, _outcome(told.of(delivery_id, number), told), BY_JOURNAL)
        for delivery_id, number in unsettled.values_list("delivery", "number")
    ]


def _result(delivery: Delivery, told: Told | None) -> Result:
    claim = claim_of(delivery, db_now())
    entry = told.of(delivery.pk, claim.number) if told else None
    started_at = _moment(entry.handed_over_at if entry else None)
    finished_at = _moment(entry.replied_at if entry else None)
    return Result(claim, _outcome(entry, told), started_at, finished_at)


def _outcome(entry: Entry | None, told: Told | None) -> Outcome:
    if entry is not None:
        return entry.outcome or classify_break(Phase.BODY, KILLED)
    is_proved = told is not None and told.silence_proves
    return withheld(Phase.MAIL) if is_proved else classify_break(Phase.BODY, UNKNOWN)


def _moment(timestamp: float | None) -> int:
    return microseconds_of(db_now()) if timestamp is None else round(timestamp * 1e6)
