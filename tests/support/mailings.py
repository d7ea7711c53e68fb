"""Mailings to test with, made the way a person makes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db.models import Count, Sum
from django.db.models.functions import TruncHour

from core.clock import db_now
from core.models import User
from mailer.models import Attempt, AttemptCount, Delivery, Mailing, MailingCount, Message, Recipient


def make_recipients(owner: User, *addresses: str) -> list[Recipient]:
    return [
        Recipient.objects.create(owner=owner, email=address, full_name=address.partition("@")[0].title())
        for address in addresses
    ]


def make_crowd(owner: User, n: int) -> list[Recipient]:
    return Recipient.objects.bulk_create(
        Recipient(owner=owner, email=f"r{i}@example.com", address_key=f"r{i}@example.com", full_name=f"Person {i}")
        for i in range(n)
    )


def make_mailing(
    owner: User,
    *,
    subject: str = "News",
    body: str = "Hello {{ recipient.full_name }}",
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> Mailing:
    """A draft to everyone, whose window is open for an hour."""
    now = db_now()
    message = Message.objects.create(owner=owner, subject=subject, body=body)
    return Mailing.objects.create(
        owner=owner,
        message=message,
        starts_at=starts_at or now - timedelta(minutes=1),
        ends_at=ends_at or now + timedelta(hours=1),
    )


def states(mailing: Mailing) -> dict[str, str]:
    """Each delivery's state by its address, in the order in which they were made."""
    return dict(Delivery.objects.filter(mailing=mailing).order_by("pk").values_list("email", "state"))


def counted(mailing: Mailing) -> dict[str, int]:
    """The counters, summed over workers, without the zeros."""
    totals: dict[str, int] = {}
    for state, n in MailingCount.objects.filter(mailing=mailing).values_list("state", "n"):
        totals[state] = totals.get(state, 0) + n
    return {state: n for state, n in totals.items() if n}


def really_counted(mailing: Mailing) -> dict[str, int]:
    """What the counters should say."""
    totals: dict[str, int] = {}
    for state in Delivery.objects.filter(mailing=mailing).values_list("state", flat=True):
        totals[state] = totals.get(state, 0) + 1
    return totals


Hours = dict[tuple[int, datetime, str], int]  # attempts by mailing, hour and status


def counted_attempts() -> Hours:
    """The counters of attempts, summed over workers, without the zeros."""
    rows = AttemptCount.objects.values_list("mailing", "hour", "status").annotate(Sum("n"))
    return {(mailing, hour, status): n for mailing, hour, status, n in rows if n}


def really_counted_attempts() -> Hours:
    """What they should say."""
    hours = Attempt.objects.annotate(hour=TruncHour("finished_at", tzinfo=UTC)).order_by()
    rows = hours.values_list("mailing", "hour", "status").annotate(Count("pk"))
    return {(mailing, hour, status): n for mailing, hour, status, n in rows}
