"""The counters of deliveries by state and of attempts by hour, moved together with the rows they count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from django.db.models import F

from mailer.models import Attempt, AttemptCount, MailingCount

AttemptKey = tuple[int, datetime, str]  # mailing, hour, status

PAGES = 0  # the worker number under which pages and commands count; they hold the mailing's row lock, or share it


def move_counts(mailing_id: int, by_worker: int, changes: Mapping[str, int]) -> None:
    """Add to the counts of each state; inside the transaction that moved the deliveries."""
    for state, change in changes.items():
        if not change:
            continue
        row = MailingCount.objects.filter(mailing=mailing_id, worker=by_worker, state=state)
        if not row.update(n=F("n") + change):  # the first of its kind; two pages may come with it at once
            first = MailingCount(mailing_id=mailing_id, worker=by_worker, state=state, n=0)
            MailingCount.objects.bulk_create([first], ignore_conflicts=True)
            row.update(n=F("n") + change)


def moved(moves: Mapping[tuple[str, str], int]) -> Counter[str]:
    """The change of each state's count, from how many went from one state to another."""
    changes: Counter[str] = Counter()
    for (before, after), n in moves.items():
        changes[before] -= n
        changes[after] += n
    return changes


def count_attempts(by_worker: int, attempts: Iterable[Attempt]) -> None:
    """Add new attempts to the counts of their hours; inside the transaction that inserted them."""
    _add_attempts(by_worker, Counter(_key(attempt, attempt.status) for attempt in attempts))


def recount_attempts(by_worker: int, attempts: Iterable[Attempt], status_before: str) -> None:
    """Move attempts whose status has changed to where they count now; inside the transaction that changed it."""
    changes: Counter[AttemptKey] = Counter()
    for attempt in attempts:
        changes[_key(attempt, status_before)] -= 1
        changes[_key(attempt, attempt.status)] += 1
    _add_attempts(by_worker, changes)


def _key(attempt: Attempt, status: str) -> AttemptKey:
    return attempt.mailing_id, hour_of(attempt.finished_at), status


def _add_attempts(by_worker: int, changes: Counter[AttemptKey]) -> None:
    for (mailing_id, hour, status), n in changes.items():
        row = AttemptCount.objects.filter(mailing=mailing_id, worker=by_worker, hour=hour, status=status)
        if not row.update(n=F("n") + n):
            AttemptCount.objects.create(mailing_id=mailing_id, worker=by_worker, hour=hour, status=status, n=n)


def hour_of(moment: datetime) -> datetime:
    """The start of the hour, in UTC, under which an attempt is counted."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
