"""How long a mailing may take, by how fast the last ones went and what it is held to."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Max, Min

from core.paging import newest_first
from mailer.models import Attempt, Mailing, attempts_of
from mailer.throttling import HeldTo, held_to

LOOKED_AT = 5  # mailings, the newest
SAMPLE = 2_000  # first attempts of each
FEWEST = 20  # that tell a rate


@dataclass(frozen=True)
class Pace:
    """How many seconds it takes, None where nothing has been sent yet to judge by; `limits` where those decide it."""

    seconds: int | None = None
    limits: HeldTo | None = None


def expected_pace(n: int, mailing: Mailing) -> Pace:
    """Of so many mails of this mailing."""
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
