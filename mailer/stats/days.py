"""Success and failure by the day, as the reader's calendar has it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils import timezone

from mailer.models import Attempt
from mailer.stats.figures import HourCount

SHOWN_DAYS = 30

Status = Attempt.Status


@dataclass(frozen=True)
class Day:
    """How many attempts ended how on a day."""

    date: date
    success: int
    failure: int
    uncertain: int

    @property
    def total(self) -> int:
        return self.success + self.failure + self.uncertain


def last_days(hours: Iterable[HourCount], today: date) -> list[Day]:
    """The last days up to today, oldest first, in the current time zone; an hour belongs to the day of its start."""
    counts: Counter[tuple[date, str]] = Counter()
    for hour, status, n in hours:
        counts[timezone.localtime(hour).date(), status] += n
    dates = [today - timedelta(days=back) for back in reversed(range(SHOWN_DAYS))]
    return [Day(day, *(counts[day, s] for s in (Status.SUCCESS, Status.FAILURE, Status.UNCERTAIN))) for day in dates]
