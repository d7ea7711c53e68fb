"""The choices that a page offers for deliveries in one state: none that would send to suppressed addresses alone."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db.models import Count, Q, QuerySet

from core.paging import newest_first
from mailer.delivery.choices import possible_choices, sends
from mailer.delivery.suppression import has_any, is_suppressed
from mailer.models import Delivery, Mailing

MOST_LOOKED_AT = 2_000  # the newest: what the page costs must not grow with the mailing


@dataclass(frozen=True)
class Offer:
    """Each choice with how many it would move, or None where they are too many to look at all of them.

    `suppressed` are those of the newest that it leaves as they are, if it sends.
    """

    choices: dict[str, int | None] = field(default_factory=dict)
    suppressed: int = 0


def offer_for(mailing: Mailing, state: str, found: QuerySet[Delivery], n: int) -> Offer:
    """What may be chosen for those found, `n` of the mailing's deliveries in this state."""
    possible = possible_choices(mailing, state)
    if not any(sends(choice) for choice in possible) or not has_any(mailing.owner_id):
        return Offer(dict.fromkeys(possible, n))
    suppressed = _suppressed_among_newest(found, mailing.owner_id)
    to_send = max(n - suppressed, 0) if n <= MOST_LOOKED_AT else None
    numbers = {choice: to_send if sends(choice) else n for choice in possible}
    return Offer({choice: number for choice, number in numbers.items() if number != 0}, suppressed)


def _suppressed_among_newest(found: QuerySet[Delivery], owner_id: int) -> int:
    newest = newest_first(found).annotate(is_suppressed=is_suppressed(owner_id))[:MOST_LOOKED_AT]
    counted: dict[str, int] = newest.aggregate(n=Count("pk", filter=Q(is_suppressed=True)))
    return counted["n"]
