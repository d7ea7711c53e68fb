"""How long a mailing may take, by how fast the last ones went and what it is held to."""

from __future__ import annotations

from django.db.models import Max, Min

from mailer.models import Attempt, Mailing
from mailer.throttling import held_to

LOOKED_AT = 5  # mailings, the newest
SAMPLE = 2_000  # first attempts of each
FEWEST = 20  # that tell a rate


def expected_duration(n: int, mailing: Mailing) -> int | None:
    """Seconds for so many mails of this mailing, or None where nothing has been sent yet to judge by."""
    limit = held_to(mailing.pk).rate
    at_limit = limit.seconds_for(n) if limit else None
    rate = recent_rate(mailing)
    at_rate = None if rate is None else round(n / rate)
    return max((seconds for seconds in (at_limit, at_rate) if seconds is not None), default=None)


def recent_rate(mailing: Mailing) -> float | None:
    """Attempts per second at the beginning of the newest mailing of the site that was large enough to tell."""
    launched = Mailing.objects.filter(launched_at__isnull=False).exclude(pk=mailing.pk)
    for pk in launched.order_by("-launched_at").values_list("pk", flat=True)[:LOOKED_AT]:
        sample = Attempt.objects.filter(mailing=pk, number=1).order_by("pk")[:SAMPLE]
        times = Attempt.objects.filter(pk__in=sample.values("pk")).aggregate(
            first=Min("started_at"), last=Max("finished_at")
        )
        n = sample.count()
        if n >= FEWEST:
            seconds: float = (times["last"] - times["first"]).total_seconds()
            return n / max(seconds, 0.001)
    return None
