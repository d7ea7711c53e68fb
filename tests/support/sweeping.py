"""Dead workers and those who sweep after them."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from core.clock import shifted
from mailer.delivery.claim import Claim
from mailer.delivery.journal import Journal
from mailer.delivery.journal_files import boot_id
from mailer.delivery.lease import LEASE, register_worker
from mailer.delivery.ledger import Recorded
from mailer.delivery.outcome import Outcome
from mailer.delivery.silence import Witness
from mailer.delivery.sweep import SILENCE, sweep_dead_workers
from mailer.models import Worker
from tests.support.results import claimed

HOST = "this-host"


def killed_worker(folder: Path, work: Callable[[Journal, list[Claim]], None], boot: str = "", host: str = HOST) -> int:
    """A worker that claimed everything and was killed in the middle of `work`, its journal left behind."""
    worker = register_worker(host, boot or boot_id())
    claims = claimed(worker)
    child = os.fork()
    if child == 0:
        journal = Journal.open(folder, worker, host, boot or boot_id(), sync=False)
        work(journal, claims)
        os._exit(137)
    os.waitpid(child, 0)
    return worker


def answered(*outcomes: Outcome | None) -> Callable[[Journal, list[Claim]], None]:
    """Hands over as many mails as there are outcomes. None: no reply came."""

    def work(journal: Journal, claims: list[Claim]) -> None:
        for claim, outcome in zip(claims, outcomes, strict=False):
            journal.handing_over(claim.delivery_id, claim.number, 1.0)
            if outcome is not None:
                journal.reply(claim.delivery_id, claim.number, 2.0, outcome)

    return work


def sweep(folder: Path, host: str = HOST, witness: Witness | None = None) -> Recorded:
    """By a worker that has just come."""
    return sweep_dead_workers(register_worker(host, boot_id()), folder, host, witness or Witness())


def sweep_after_long_silence(folder: Path, host: str = HOST) -> Recorded:
    """By one that has been here all the time that leases and patience take."""
    with shifted(LEASE + SILENCE + timedelta(seconds=1)):
        return sweep(folder, host, witness_of_silence())


class Clock:
    """Seconds, as many as a test says."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def witness_of_silence() -> Witness:
    """One that has seen the leases as they are for a whole lease."""
    clock = Clock()
    witness = Witness(clock)
    for _look in range(int(LEASE.total_seconds() // 5) + 1):
        witness.look(Worker.objects.all())
        clock.now += 5
    return witness
