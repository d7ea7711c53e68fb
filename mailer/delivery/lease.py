"""A worker is registered, renews its lease on all that it has claimed, and takes leave."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import F

from core.clock import db_now
from mailer.delivery.claim import IS_CLAIMED
from mailer.models import Delivery, Worker

LEASE = timedelta(seconds=60)
RENEW_EVERY = 5.0  # seconds


def register_worker(host: str, boot_id: str) -> int:
    """A new worker with a fresh lease; its number names its journal and its counters."""
    now = db_now()
    worker = Worker.objects.create(
        host=host, boot_id=boot_id, started_at=now, last_seen=now, lease_expires_at=now + LEASE
    )
    return worker.pk


@transaction.atomic
def renew_lease(worker_id: int, trouble: str) -> int:
    """Renew the worker's lease on all its claims and say what troubles it.

    Returns its new mark (see `marks.py`), or 0 once another has taken its claims over.
    """
    now = db_now()
    worker = Worker.objects.filter(pk=worker_id, swept_at=None)
    worker.update(last_seen=now, lease_expires_at=now + LEASE, trouble=trouble, mark=F("mark") + 1)
    return worker.values_list("mark", flat=True).first() or 0


def retire_worker(worker_id: int) -> bool:
    """End the worker's lease: it has stopped. Returns whether it leaves claims behind."""
    Worker.objects.filter(pk=worker_id).update(lease_expires_at=db_now(), trouble="")
    return Delivery.objects.filter(IS_CLAIMED, worker=worker_id).exists()
