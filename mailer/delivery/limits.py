"""What the limits of the site and of its mailings let a claim take; kept inside the claim's transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from django.db.models import F, Q, QuerySet

from core.clock import db_now, seconds
from mailer.delivery.throttle import NO_TOKEN, Slots, dealt, in_turn, open_slots, token_for
from mailer.models import Throttle

if TYPE_CHECKING:
    from mailer.delivery.claim import Claim

SITE = None  # the mailing of the site's own limit


@dataclass(frozen=True)
class Limits:
    """The limits of one claim, and the slots that each has open. Where none is set, all is let through."""

    throttles: dict[int | None, Throttle] = field(default_factory=dict)
    slots: dict[int | None, Slots] = field(default_factory=dict)
    clock_offset: float = 0.0  # this machine's count of seconds minus the database's time

    def room(self, mailing_id: int | None, most: int) -> int:
        """How many of up to `most` mails the mailing's own limit lets pass now, or the site's for all together."""
        return min(most, self.slots[mailing_id].n) if mailing_id in self.slots else most

    def in_turn(self, mailing_ids: Collection[int], after: int | None) -> list[int]:
        """The mailings, beginning with the one whose turn it is: where there is less than one for each, nobody is
        always last. `after` is this worker's last one; under the site's limit all workers take turns together.
        """
        site = self.throttles.get(SITE)
        return in_turn(sorted(mailing_ids), site.turn if site else after)

    def spend(self, claims: list[Claim]) -> list[Claim]:
        """The claims with their tokens, one of each mailing in turn. Their slots are used up, whatever comes."""
        if not self.throttles:
            return claims
        paced = []
        free: Counter[int | None] = Counter()  # the first slot of each limit that is not used yet
        for claim in dealt(claims, lambda claim: claim.mailing_id):
            slots = self._next_slots(claim.mailing_id, free)
            paced.append(claim._replace(token=token_for(slots, self.clock_offset)))
        for key, n in free.items():
            last = datetime.fromtimestamp(self.slots[key][n - 1], UTC)
            turn = paced[-1].mailing_id if key is SITE else None
            Throttle.objects.filter(pk=self.throttles[key].pk).update(last_slot_at=last, turn=turn)
        return paced

    def _next_slots(self, mailing_id: int, free: Counter[int | None]) -> list[float]:
        """A slot of each limit that the mailing is under; `free` moves on."""
        taken: list[float] = []
        for key in (mailing_id, SITE):
            if key in self.slots:
                i = self.slots[key].index_beside(taken[0], free[key]) if taken else free[key]
                taken.append(self.slots[key][i])
                free[key] = i + 1
        return taken


def locked_limits(mailing_ids: Iterable[int]) -> Limits:
    """The limits on these mailings; other claims under them wait for this transaction's end.

    The site's row is locked first, then the mailings', in the order of their numbers.
    """
    found = _throttles(mailing_ids).order_by(F("mailing").asc(nulls_first=True))
    throttles = {throttle.mailing_id: throttle for throttle in found.select_for_update(no_key=True)}
    if not throttles:
        return Limits()
    here = seconds()
    now = db_now().timestamp()  # once the locks are there: that may have taken a while
    slots = {key: open_slots(throttle.rate.interval, _last(throttle), now) for key, throttle in throttles.items()}
    return Limits(throttles, slots, here - now)


def without_tokens(claims: list[Claim]) -> list[Claim]:
    """Claims whose answer was lost, and with it their tokens: those under a limit are to be given back."""
    limited = set(_throttles({claim.mailing_id for claim in claims}).values_list("mailing", flat=True))
    return [
        claim._replace(token=NO_TOKEN) if SITE in limited or claim.mailing_id in limited else claim for claim in claims
    ]


def _throttles(mailing_ids: Iterable[int]) -> QuerySet[Throttle]:
    return Throttle.objects.filter(Q(mailing=SITE) | Q(mailing__in=list(mailing_ids)))


def _last(throttle: Throttle) -> float | None:
    return throttle.last_slot_at.timestamp() if throttle.last_slot_at else None
