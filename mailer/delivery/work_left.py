"""What the sending mailings still have open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min

from core.clock import db_now
from mailer.delivery.allowance import owners_held_back
from mailer.models import Delivery, Mailing
from mailer.stats.progress import delivery_counts


@dataclass(frozen=True)
class WorkLeft:
    """What the sending mailings still have open: how many now due or in hand, how many later, and until when."""

    due: int
    later: int
    next_attempt_at: datetime | None


def work_left(only_mailing: int | None = None) -> WorkLeft:
    """Of the mailings that are sending, or of one of them."""
    now = db_now()
    mailings = Mailing.objects.filter(status=Mailing.Status.SENDING)
    if only_mailing is not None:
        mailings = mailings.filter(pk=only_mailing)
    unmade = mailings.filter(materialised_at=None).count()
    owners = dict(mailings.values_list("pk", "owner"))
    held_back = owners_held_back(owners.values(), now)
    counts = delivery_counts(owners)
    resting = _resting(owners, now)
    open_ones = sum(_sum(counts[pk], Delivery.OPEN) for pk in owners)
    later = sum(
        _sum(counts[pk], Delivery.WAITING) if owner in held_back else resting.get(pk, (0, None))[0]
        for pk, owner in owners.items()
    )
    times = [*(first for _n, first in resting.values()), *(allowance.more_at for allowance in held_back.values())]
    return WorkLeft(max(0, open_ones - later) + unmade, later, min((at for at in times if at), default=None))


def _resting(mailing_ids: Iterable[int], now: datetime) -> dict[int, tuple[int, datetime]]:
    """Of each mailing how many deliveries wait for a later time, and the first of these times."""
    later = Delivery.objects.filter(mailing__in=mailing_ids, state__in=Delivery.WAITING, next_attempt_at__gt=now)
    found = later.order_by().values_list("mailing").annotate(Count("pk"), Min("next_attempt_at"))
    return {pk: (n, first) for pk, n, first in found}


def _sum(counts: Mapping[str, int], states: Iterable[str]) -> int:
    return sum(counts[state] for state in states)
