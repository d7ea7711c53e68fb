"""Who works on a delivery: a worker registers, holds a lease, and claims what is due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce

from core.clock import db_now
from mailer.delivery.allowance import locked_allowances
from mailer.delivery.counts import move_counts
from mailer.delivery.failpoints import reach
from mailer.delivery.suppression import without_suppressed
from mailer.models import Delivery, Mailing, Worker

State = Delivery.State

LEASE = timedelta(seconds=60)
RENEW_EVERY = 5.0  # seconds
MOST_CLAIMED = 250


@dataclass(frozen=True, slots=True)
class Claim:
    """One delivery in a worker's hands: all that composing and recording need, so that nothing is read again."""

    delivery_id: int
    mailing_id: int
    number: int  # of the attempt that this claim may make
    email: str
    full_name: str
    message_id: str
    merge_data: dict[str, str]
    date: datetime


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


def retire_worker(worker_id: int) -> None:
    """End the worker's lease: it has stopped."""
    Worker.objects.filter(pk=worker_id).update(lease_expires_at=db_now(), trouble="")


@transaction.atomic
def claim_deliveries(worker_id: int, most: int, only_mailing: int | None = None) -> list[Claim]:
    """Take up to `most` due deliveries for this worker, shared evenly between the mailings that are sending."""
    now = db_now()
    owners = _sending_mailings(now, only_mailing)
    left = {owner: allowance.left for owner, allowance in locked_allowances(owners.values(), now).items()}
    claims: list[Claim] = []

    def claim_from(mailing_id: int, share: int) -> None:
        owner = owners[mailing_id]
        taken = _claim_from(mailing_id, owner, worker_id, min(share, left.get(owner, share)), now)
        if owner in left:
            left[owner] -= len(taken)
        claims.extend(taken)

    for position, mailing_id in enumerate(owners):
        claim_from(mailing_id, -(-(most - len(claims)) // (len(owners) - position)))
    for mailing_id in owners:  # what a small mailing left of its share
        claim_from(mailing_id, most - len(claims))
    if claims:
        reach("claim.before_commit")
    return claims


def _sending_mailings(now: datetime, only_mailing: int | None) -> dict[int, int]:
    """The owners of the mailings that have something due, by mailing."""
    sending = Mailing.objects.filter(status=Mailing.Status.SENDING, ends_at__gt=now, owner__is_active=True)
    if only_mailing is not None:
        sending = sending.filter(pk=only_mailing)
    due = Delivery.objects.filter(state__in=Delivery.WAITING, next_attempt_at__lte=now)
    owners = sending.order_by("pk").values_list("pk", "owner")
    return {pk: owner for pk, owner in owners if due.filter(mailing=pk).exists()}


def _claim_from(mailing_id: int, owner_id: int, worker_id: int, most: int, now: datetime) -> list[Claim]:
    if most == 0:
        return []
    due = (
        Delivery.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(mailing=mailing_id, state__in=Delivery.WAITING, next_attempt_at__lte=now)
        .order_by("next_attempt_at", "id")[:most]
    )
    deliveries = without_suppressed(owner_id, list(due), worker_id)
    Delivery.objects.filter(pk__in=[delivery.pk for delivery in deliveries]).update(
        state=State.SENDING, worker=worker_id, dated_at=Coalesce("dated_at", now)
    )
    before = [delivery.state for delivery in deliveries]
    changes = {str(state): -before.count(state) for state in Delivery.WAITING}
    move_counts(mailing_id, worker_id, {**changes, State.SENDING: len(deliveries)})
    return [claim_of(delivery, now) for delivery in deliveries]


def claims_of(worker_id: int) -> list[Claim]:
    """All that the worker holds by the database, whether it knows or not: the answer to a commit may get lost."""
    now = db_now()
    held = Delivery.objects.filter(worker=worker_id, state=State.SENDING)
    return [claim_of(delivery, now) for delivery in held.order_by("next_attempt_at", "id")]


def claim_of(delivery: Delivery, now: datetime) -> Claim:
    """The claim on a delivery whose row was read before or after it was taken, at `now`."""
    return Claim(
        delivery_id=delivery.pk,
        mailing_id=delivery.mailing_id,
        number=delivery.attempt_count + 1,
        email=delivery.email,
        full_name=delivery.full_name,
        message_id=delivery.message_id,
        merge_data=delivery.merge_data,
        date=delivery.dated_at or now,
    )
