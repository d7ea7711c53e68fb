"""A mailing's newest attempts, for its live page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.paging import newest_first
from mailer.models import Attempt, attempts_of

SHOWN_ATTEMPTS = 100
MOST_COUNTED = 10_000


@dataclass(frozen=True)
class AttemptRow:
    """One attempt, as the live page lists it."""

    id: int
    delivery_id: int
    email: str
    number: int
    status: str
    reply_code: int | None
    enhanced_code: str
    server_response: str
    finished_at: datetime


def newest_attempts(mailing_id: int, after: int = 0, limit: int = SHOWN_ATTEMPTS) -> list[AttemptRow]:
    """The mailing's attempts with a key above `after`, newest first, at most `limit`."""
    attempts = newest_first(attempts_of(mailing_id).filter(pk__gt=after))
    return [_row(attempt) for attempt in attempts.prefetch_related("delivery")[:limit]]


def count_attempts(mailing_id: int, after: int) -> int:
    """How many attempts have a key above `after`; no more than MOST_COUNTED are counted."""
    return newest_first(attempts_of(mailing_id).filter(pk__gt=after))[:MOST_COUNTED].count()


def _row(attempt: Attempt) -> AttemptRow:
    return AttemptRow(
        id=attempt.pk,
        delivery_id=attempt.delivery_id,
        email=attempt.delivery.email,
        number=attempt.number,
        status=attempt.status,
        reply_code=attempt.reply_code,
        enhanced_code=attempt.enhanced_code,
        server_response=attempt.server_response,
        finished_at=attempt.finished_at,
    )
