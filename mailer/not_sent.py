"""What of a mailing was not sent, or is not known, and the most frequent reasons, in the servers' own words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Count, F, Min

from core.paging import newest_first
from mailer.delivery.doubt import perhaps_twice
from mailer.models import Attempt, Delivery, deliveries_in

State = Delivery.State

STATES = (State.FAILED, State.UNCERTAIN, State.EXPIRED, State.SKIPPED)
MOST_LOOKED_AT = 2_000  # failed or skipped, the newest: what the page costs must not grow with the mailing
SHOWN_REFUSALS = 5


@dataclass(frozen=True)
class Refusal:
    """Failed deliveries whose last reply had the same codes: how many, and what one of the servers said."""

    reply_code: int | None
    enhanced_code: str
    words: str
    n: int

    @property
    def codes(self) -> str:
        return f"{self.reply_code or ''} {self.enhanced_code}".strip()

    @property
    def text(self) -> str:
        """The words without the enhanced code, which they begin with where there is one."""
        return self.words.removeprefix(self.enhanced_code).strip()


@dataclass(frozen=True)
class NotSent:
    """`counts` has those of STATES that occur; `skips` has how many were skipped by the word of the reason.

    Of failed and of skipped ones the newest were looked at, `looked_at` of each at most.
    """

    counts: dict[str, int]
    refusals: list[Refusal]
    skips: dict[str, int]
    looked_at: int
    perhaps_twice: int


def not_sent(mailing_id: int, counts: Mapping[str, int]) -> NotSent:
    """Read it; `counts` are the mailing's deliveries by state."""
    return NotSent(
        counts={str(state): counts[state] for state in STATES if counts[state]},
        refusals=_refusals(mailing_id) if counts[State.FAILED] else [],
        skips=_skips(mailing_id) if counts[State.SKIPPED] else {},
        looked_at=MOST_LOOKED_AT,
        perhaps_twice=perhaps_twice(mailing_id).count(),
    )


def _skips(mailing_id: int) -> dict[str, int]:
    newest = newest_first(deliveries_in(State.SKIPPED, mailing_id))[:MOST_LOOKED_AT]
    counted = Counter(newest.values_list("state_reason", flat=True))
    return dict(counted.most_common())


def _refusals(mailing_id: int) -> list[Refusal]:
    newest = newest_first(deliveries_in(State.FAILED, mailing_id))[:MOST_LOOKED_AT]
    last = Attempt.objects.filter(delivery__in=newest.values("pk"), number=F("delivery__attempt_count"))
    grouped = last.values("reply_code", "enhanced_code").annotate(n=Count("pk"), words=Min("server_response"))
    return [Refusal(**row) for row in grouped.order_by("-n", "reply_code", "enhanced_code")[:SHOWN_REFUSALS]]
