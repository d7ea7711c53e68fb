"""How much there is and how it went: of one owner, of everybody, and what the public may know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, QuerySet, Sum

from core.clock import db_now
from core.models import User
from mailer.models import AttemptCount, Mailing, Recipient
from mailer.stats.caching import EVERYBODY, PUBLIC, own, remembered
from mailer.stats.large import counted_lately

Status = Mailing.Status

SPAN = timedelta(days=31)  # holds the last 30 days of every time zone

HourCount = tuple[datetime, str, int]
"""The start of an hour, an attempt's status, and how many attempts ended so in that hour."""


@dataclass(frozen=True)
class Figures:
    mailings: int
    active_mailings: int  # now inside the window, and scheduled or sending
    recipients: int  # unique addresses


@dataclass(frozen=True)
class Overview:
    """What the home page counts. `hours` reach back for SPAN."""

    figures: Figures
    hours: list[HourCount]


def overview(owner: User | None) -> Overview:
    """One owner's, or with None everybody's; up to a minute old where CACHE_ENABLED."""
    return remembered(own(owner.pk) if owner else EVERYBODY, lambda: Overview(_figures(owner), _hours(owner)))


def public_figures() -> Figures:
    """Across the site; up to a minute old where CACHE_ENABLED."""
    return remembered(PUBLIC, lambda: _figures(None))


def _figures(owner: User | None) -> Figures:
    mailings, now = _mailings(owner), db_now()
    active = mailings.filter(starts_at__lte=now, ends_at__gt=now, status__in=[Status.SCHEDULED, Status.SENDING])
    return Figures(mailings.count(), active.count(), _unique_recipients(owner))


def _mailings(owner: User | None) -> QuerySet[Mailing]:
    return Mailing.objects.filter(owner=owner) if owner else Mailing.objects.all()


def _unique_recipients(owner: User | None) -> int:
    if owner:
        people = Recipient.objects.filter(owner=owner)  # an address is in an address book only once
        return counted_lately(f"recipients of {owner.pk}", people.count)
    return counted_lately("recipients", _different_addresses)


def _different_addresses() -> int:
    found = Recipient.objects.aggregate(n=Count("address_key", distinct=True))  # of a million: half a second
    return int(found["n"])


def _hours(owner: User | None) -> list[HourCount]:
    counted = AttemptCount.objects.filter(hour__gte=db_now() - SPAN)
    if owner:
        counted = counted.filter(mailing__owner=owner)
    return list(counted.order_by().values_list("hour", "status").annotate(Sum("n")))
