"""The counters of deliveries by state and of attempts by hour, moved together with the rows they count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.db import connection

from mailer.models import Attempt, AttemptCount, MailingCount

StateKey = tuple[int, str]  # mailing, state
AttemptKey = tuple[int, datetime, str]  # mailing, hour, status

PAGES = 0  # the worker number under which pages and commands count; they hold the mailing's row lock, or share it


def move_counts(mailing_id: int, by_worker: int, changes: Mapping[str, int]) -> None:
    """Add to the counts of each state; inside the transaction that moved the deliveries."""
    move_counts_of_all({(mailing_id, state): n for state, n in changes.items()}, by_worker)


def move_counts_of_all(changes: Mapping[StateKey, int], by_worker: int) -> None:
    """The same for any number of mailings."""
    rows = [(mailing_id, by_worker, state, n) for (mailing_id, state), n in sorted(changes.items()) if n]
    _add(MailingCount, ("mailing_id", "worker", "state"), rows)


def moved(moves: Mapping[tuple[str, str], int]) -> Counter[str]:
    """The change of each state's count, from how many went from one state to another."""
    changes: Counter[str] = Counter()
    for (before, after), n in moves.items():
        changes[before] -= n
        changes[after] += n
    return changes


def count_attempts(by_worker: int, changes: Mapping[AttemptKey, int]) -> None:
    """Add to the counts of the hours in which attempts ended; inside the transaction that inserted them."""
    adapt = connection.ops.adapt_datetimefield_value
    rows = [(mailing, by_worker, adapt(hour), status, n) for (mailing, hour, status), n in sorted(changes.items()) if n]
    _add(AttemptCount, ("mailing_id", "worker", "hour", "status"), rows)


def recount_attempts(by_worker: int, attempts: Iterable[Attempt], status_before: str) -> None:
    """Move attempts whose status has changed to where they count now; inside the transaction that changed it."""
    changes: Counter[AttemptKey] = Counter()
    for attempt in attempts:
        hour = hour_of(attempt.finished_at)
        changes[attempt.mailing_id, hour, status_before] -= 1
        changes[attempt.mailing_id, hour, attempt.status] += 1
    count_attempts(by_worker, changes)


def hour_of(moment: datetime) -> datetime:
    """The start of the hour, in UTC, under which an attempt is counted."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _add(model: type[MailingCount] | type[AttemptCount], key: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """Add each row's last value to the count of its key, in the order given, so that no two wait for one another."""
    if not rows:
        return
    table, columns = model._meta.db_table, ", ".join(key)
    values = ", ".join([f"({', '.join(['%s'] * (len(key) + 1))})"] * len(rows))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({columns}, n) VALUES {values}"  # noqa: S608 - names and placeholders
            f" ON CONFLICT ({columns}) DO UPDATE SET n = {table}.n + excluded.n",
            [value for row in rows for value in row],
        )
