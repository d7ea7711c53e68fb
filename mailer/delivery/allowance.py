"""How much a new account may still send: a cap on attempts and test mails within a day, held where mail is claimed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Min, QuerySet, Sum

from core.models import User
from core.people import is_trusted
from mailer.models import AttemptCount, Delivery, SentTest

# Attempts are counted by the hour: whatever hour touches the last 24 counts whole.
SPAN = timedelta(hours=25)


@dataclass(frozen=True)
class Allowance:
    """How many more deliveries of an owner may be claimed now; where none, when that changes (None: by a manager)."""

    left: int
    more_at: datetime | None = None


def locked_allowances(owner_ids: Iterable[int], now: datetime) -> dict[int, Allowance]:
    """The allowances of those owners who have one, inside a transaction: other claims for them wait for its end."""
    limited = _limited(owner_ids).select_for_update(of=("self",), no_key=True).order_by("pk")
    return {owner.pk: _allowance(owner.pk, now) for owner in limited}


def are_held_back(owner_ids: Iterable[int]) -> bool:
    """Whether any of these owners has an allowance."""
    return _limited(owner_ids).exists()


def allowance_of(owner_id: int, now: datetime) -> Allowance | None:
    """One owner's allowance, or None where it has no end."""
    return _allowance(owner_id, now) if _limited([owner_id]).exists() else None


def owners_held_back(owner_ids: Iterable[int], now: datetime) -> dict[int, Allowance]:
    """Of those owners the ones who may send nothing more now, with their allowances."""
    allowances = {owner.pk: _allowance(owner.pk, now) for owner in _limited(owner_ids)}
    return {owner_id: allowance for owner_id, allowance in allowances.items() if allowance.left == 0}


def _limited(owner_ids: Iterable[int]) -> QuerySet[User]:
    if not (settings.SENDING_REQUIRES_APPROVAL or settings.NEW_ACCOUNT_DAILY_CAP):
        return User.objects.none()
    return User.objects.filter(pk__in=set(owner_ids)).exclude(is_trusted())


def _allowance(owner_id: int, now: datetime) -> Allowance:
    if settings.SENDING_REQUIRES_APPROVAL:
        return Allowance(0)
    # In hand first: one that is recorded between the two queries is counted twice rather than not at all.
    in_hand = Delivery.objects.filter(mailing__owner=owner_id, state=Delivery.State.SENDING).count()
    counted = AttemptCount.objects.filter(mailing__owner=owner_id, hour__gt=now - SPAN)
    figures = counted.aggregate(n=Sum("n", default=0), first=Min("hour"))
    tested = SentTest.objects.filter(user=owner_id, sent_at__gt=now - SPAN)
    tests = tested.aggregate(n=Count("pk"), first=Min("sent_at"))
    left = max(0, settings.NEW_ACCOUNT_DAILY_CAP - in_hand - figures["n"] - tests["n"])
    first = min((at for at in (figures["first"], tests["first"]) if at), default=None)
    return Allowance(left, first + SPAN if first else None)
