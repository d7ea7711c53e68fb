"""How long this process has seen others silent. A lease that ran out while nobody could renew it proves nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from core.clock import seconds
from mailer.delivery import lease
from mailer.models import Worker


class Witness:
    """Looks at the leases again and again, and counts by a clock that never jumps, whatever the databases' clock says.

    After a gap between two looks (the database was away, this machine slept) it begins anew: the others could not
    renew their leases either, and get one whole lease to do it. So does everybody after the start of this process.
    """

    def __init__(self, clock: Callable[[], float] = seconds) -> None:
        self._clock = clock
        self._looked_at = 0.0
        self._seen: dict[int, tuple[datetime, float]] = {}  # a worker's lease, and since when it has been that one

    def look(self, workers: Iterable[Worker]) -> None:
        """Note their leases as they were just read."""
        now = self._clock()
        if now - self._looked_at > lease.LEASE.total_seconds() / 2:
            self._seen.clear()
        self._looked_at = now
        before = self._seen
        self._seen = {worker.pk: (worker.lease_expires_at, now) for worker in workers}
        for pk, (expires_at, _now) in self._seen.items():
            if pk in before and before[pk][0] == expires_at:
                self._seen[pk] = before[pk]

    def has_seen_silence(self, worker: Worker) -> bool:
        """Whether it has not renewed its lease for one whole lease before our eyes."""
        _lease, since = self._seen.get(worker.pk, (None, self._clock()))
        return self._clock() - since >= lease.LEASE.total_seconds()
