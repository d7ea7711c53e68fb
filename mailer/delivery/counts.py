"""The counters of a mailing's deliveries by state, moved together with the deliveries they count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from django.db.models import F

from mailer.models import MailingCount

PAGES = 0  # the worker number under which pages and commands count; they hold the mailing's row lock


def move_counts(mailing_id: int, by_worker: int, changes: Mapping[str, int]) -> None:
    """Add to the counts of each state; inside the transaction that moved the deliveries."""
    for state, change in changes.items():
        if not change:
            continue
        row = MailingCount.objects.filter(mailing=mailing_id, worker=by_worker, state=state)
        if not row.update(n=F("n") + change):
            MailingCount.objects.create(mailing_id=mailing_id, worker=by_worker, state=state, n=change)


def moved(moves: Mapping[tuple[str, str], int]) -> Counter[str]:
    """The change of each state's count, from how many went from one state to another."""
    changes: Counter[str] = Counter()
    for (before, after), n in moves.items():
        changes[before] -= n
        changes[after] += n
    return changes
