"""How long a mailing may take, by how fast the last ones went and what it is held to."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db.models import Max, Min

from core.paging import newest_first
from mailer.delivery.allowance import SPAN, Allowance
from mailer.models import Attempt, Mailing, attempts_of
from mailer.throttling import HeldTo, held_to

LOOKED_AT = 5  # mailings, the newest
SAMPLE = 2_000  # first attempts of each
FEWEST = 20  # that tell a rate


@dataclass(frozen=True)
class Pace:
    """How many seconds it takes, None where nothing has been sent yet to judge by.

    `limits` where those decide it; `days` where a new account's cap does: how many it takes.
    """

    seconds: int | None = None
    limits: HeldTo | None = None
    days: int = 0


def expected_pace(n: int, mailing: Mailing, allowance: Allowance | None) -> Pace:
    """Of so many mails of this mailing, with this allowance of its owner's."""
    days = days_at_cap(n, allowance)
    at_cap = round(days * SPAN.total_seconds())
    pace = _pace_without_cap(n, mailing)
    return Pace(at_cap, days=days) if at_cap > (pace.seconds or 0) else pace


def days_at_cap(n: int, allowance: Allowance | None) -> int:
    """How many days after the first of so many mails the last one goes, as far as a new account's cap decides it."""
    if allowance is None or settings.SENDING_REQUIRES_APPROVAL:
        return 0
    return -(-max(0, n - allowance.left) // settings.NEW_ACCOUNT_DAILY_CAP)


def _pace_without_cap(n: int, mailing: Mailing) -> Pace:
    rate = recent_rate(mailing)
    at_rate = None if rate is None else round(n / rate)
    limits = held_to(mailing.pk)
    at_limit = limits.rate.seconds_for(n) if limits.rate else None
    if at_limit is not None and (at_rate is None or at_limit >= at_rate):
        return Pace(at_limit, limits)
    return Pace(at_rate)


def recent_rate(mailing: Mailing) -> float | None:
    """Attempts per second at the beginning of the newest mailing of the site that was large enough to tell."""
    launched = Mailing.objects.filter(launched_at__isnull=False).exclude(pk=mailing.pk)
    for pk in launched.order_by("-launched_at").values_list("pk", flat=True)[:LOOKED_AT]:
        sample = newest_first(attempts_of(pk).filter(number=1)).reverse()[:SAMPLE]
        times = Attempt.objects.filter(pk__in=sample.values("pk")).aggregate(
            first=Min("started_at"), last=Max("finished_at")
        )
        n = sample.count()
        if n >= FEWEST:
            seconds: float = (times["last"] - times["first"]).total_seconds()
            return n / max(seconds, 0.001)
    return None
