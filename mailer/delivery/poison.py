"""Recipients that break the connection: one that does so alone is charged in the end, a failing server charges none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from mailer.models import Attempt, Delivery

BREAKS = 3  # of the connection, in a delivery's own transaction, before it is charged
SHORTEST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Whether it is this recipient that breaks the connection; where not proved, how long to leave it alone."""

    is_proved: bool
    pause: timedelta


def suspect(broken: Mapping[int, datetime], passed_at: datetime | None) -> dict[int, Suspicion]:
    """Note that these deliveries, locked, have broken their connections, each at its time, and say what to think.

    `passed_at` is when the server last judged a mail, as far as that is not in the ledger yet. A break counts where
    mail has passed since the delivery's first one, and since the first one of every other that breaks: else it may
    be the server that fails. The pause grows with the time since the first break.
    """
    deliveries = Delivery.objects.in_bulk(list(broken))
    for pk, delivery in deliveries.items():
        delivery.broke_at = delivery.broke_at or broken[pk]
    Delivery.objects.bulk_update(deliveries.values(), ["broke_at"])
    others_pass = _is_the_server_well(passed_at)
    for delivery in deliveries.values():
        delivery.break_count = delivery.break_count + 1 if others_pass else max(delivery.break_count, 1)
    Delivery.objects.bulk_update(deliveries.values(), ["break_count"])
    return {pk: _suspicion(delivery, broken[pk]) for pk, delivery in deliveries.items()}


def _is_the_server_well(passed_at: datetime | None) -> bool:
    """Whether it has judged a mail after the first break of every open delivery that has broken."""
    last = _last_judged()
    passed = max((at for at in (passed_at, last) if at), default=None)
    if passed is None:
        return False
    return not Delivery.objects.filter(state__in=Delivery.OPEN, broke_at__gte=passed).exists()


def _last_judged() -> datetime | None:
    judged = Attempt.objects.filter(Q(status=Attempt.Status.SUCCESS) | Q(reply_code__isnull=False))
    return judged.exclude(reply_code=421).order_by("-pk").values_list("finished_at", flat=True).first()


def _suspicion(delivery: Delivery, now: datetime) -> Suspicion:
    since_first = now - delivery.broke_at if delivery.broke_at else timedelta(0)
    return Suspicion(delivery.break_count >= BREAKS, min(max(since_first, SHORTEST_PAUSE), LONGEST_PAUSE))
