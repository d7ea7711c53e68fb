"""What people do about mail that is not wanted or can't arrive: suppress an address, lift that, undo it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet

from core.clock import db_now
from core.deadlock import again_after_deadlock
from core.models import User
from mailer.delivery.skipping import lock_open, skip_waiting
from mailer.delivery.suppression import suppressed
from mailer.models import AuditEntry, Delivery, Suppression
from mailer.reasons import LIFTED
from mailer.skipped import BY_SITE

Reason = Suppression.Reason

LIFT = "lift"  # the action of an audit entry


@dataclass(frozen=True)
class Ground:
    """For whom (None: the whole site) and why addresses are suppressed, and who or what says so."""

    owner_id: int | None
    reason: str
    source: str = ""
    added_by: User | None = None


def suppress(ground: Ground, keys: Iterable[str], delivery: Delivery | None = None) -> int:
    """Let these addresses be mailed no more: at once, in mailings under way too.

    Returns how many had not been suppressed for this reason. `delivery` is the one that led to it. Where it is a
    transaction of its own, it is done again if it and a recorder have waited for one another: that one takes its rows
    in any order.
    """
    return _suppress(ground, set(keys), delivery)


@again_after_deadlock
@transaction.atomic
def _suppress(ground: Ground, wanted: set[str], delivery: Delivery | None) -> int:
    found = lock_open(ground.owner_id, wanted)
    there = active(ground.owner_id).filter(reason=ground.reason, address_key__in=wanted)
    new = sorted(wanted - set(there.values_list("address_key", flat=True)))
    made = [
        Suppression(
            owner_id=ground.owner_id,
            address_key=key,
            reason=ground.reason,
            source=ground.source,
            added_by=ground.added_by,
            delivery=delivery,
        )
        for key in new
    ]
    Suppression.objects.bulk_create(made, ignore_conflicts=True)
    skip_waiting(found, BY_SITE if ground.owner_id is None else ground.reason)
    return len(new)


def active(owner_id: int | None) -> QuerySet[Suppression]:
    """The owner's own that hold, or without one the site's."""
    return Suppression.objects.filter(owner=owner_id, lifted_at=None)


@transaction.atomic
def lift(suppression_id: int, actor: User, why: str) -> bool:
    """Let the address be mailed again, as far as this reason goes. False where somebody has lifted it already."""
    if not _lift(Suppression.objects.filter(pk=suppression_id, lifted_at=None), actor, why):
        return False
    suppression = Suppression.objects.get(pk=suppression_id)
    AuditEntry.objects.create(
        actor=actor,
        action=LIFT,
        suppression=suppression,
        before=suppression.reason,
        after=LIFT,
        reason=LIFTED,
        words=f"{suppression.address_key}: {why}",
    )
    return True


def _lift(suppressions: QuerySet[Suppression], actor: User | None, why: str) -> int:
    return suppressions.update(lifted_at=db_now(), lifted_by=actor, lift_reason=why)


# What a person does who has got a mail.


def unsubscribe(delivery: Delivery) -> None:
    """No mailing of the owner's goes to this address any more."""
    suppress(Ground(delivery.mailing.owner_id, Reason.UNSUBSCRIBED), [delivery.address_key], delivery)


def unsubscribed(delivery: Delivery) -> QuerySet[Suppression]:
    """That the person has unsubscribed, where it holds. Nothing that others decided."""
    return active(delivery.mailing.owner_id).filter(address_key=delivery.address_key, reason=Reason.UNSUBSCRIBED)


def subscribe_again(delivery: Delivery) -> bool:
    """Take it back. Whether mail goes to the address again: False where it is suppressed for another reason too."""
    _lift(unsubscribed(delivery), None, "")
    return not suppressed(delivery.mailing.owner_id, [delivery.address_key])


def tell_why(delivery: Delivery, why: str, words: str) -> None:
    unsubscribed(delivery).update(why=why, words=words)
