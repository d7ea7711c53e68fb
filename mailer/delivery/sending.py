"""Which mailings have something due, asked once for a claim, with all else that it must know before it takes any."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from core.clock import db_now_in_sql
from mailer.delivery.allowance import are_held_back
from mailer.delivery.rowset import moment_of, rows_parameter, table_of


@dataclass(frozen=True)
class Sending:
    """The mailings that have something due, with their owners; by the database's time, and with the worker's mark."""

    now: datetime
    mark: int
    owners: dict[int, int]
    is_limited: bool  # by a rate
    is_held_back: bool  # by an allowance of a new account

    @property
    def needs_transaction(self) -> bool:
        """Whether other claims have to wait for this one's end, or it is written in more than one statement."""
        return self.is_limited or self.is_held_back or len(self.owners) > 1 or connection.vendor == "sqlite"


# In SQL, since the ORM takes a millisecond to word it. What is due is looked up for each mailing: an EXISTS PostgreSQL
# may answer by reading all that is due.
SENDING_MAILINGS = """
    SELECT m.id, m.owner_id, CAST(clock.now AS text), (SELECT mark FROM mailer_worker WHERE id = %s),
        EXISTS (SELECT 1 FROM mailer_throttle AS t WHERE t.mailing_id = m.id OR t.mailing_id IS NULL),
        owner.is_superuser OR owner.sending_allowed_at IS NOT NULL
    FROM (SELECT {now} AS now) AS clock CROSS JOIN mailer_mailing AS m JOIN core_user AS owner ON owner.id = m.owner_id
    WHERE m.status = 'sending' AND m.ends_at > clock.now AND owner.is_active AND m.id = COALESCE(%s, m.id)
    AND (m.id IN (SELECT id FROM {known} AS known) OR (
        SELECT d.id FROM mailer_delivery AS d
        WHERE d.mailing_id = m.id AND d.state IN ('queued', 'deferred') AND d.next_attempt_at <= clock.now
        ORDER BY d.next_attempt_at, d.id LIMIT 1
    ) IS NOT NULL)
    ORDER BY m.id
"""


class SendingMailing(NamedTuple):
    """A row of SENDING_MAILINGS. `is_trusted`: its owner needs no look at what new accounts may send."""

    pk: int
    owner: int
    now: str
    mark: int | None
    is_limited: bool
    is_trusted: bool


def sending_mailings(worker_id: int, only_mailing: int | None, known: list[int]) -> Sending | None:
    """Those that have something due, as those that are `known` have; None where there are none."""
    now, moment = db_now_in_sql()
    statement = SENDING_MAILINGS.format(now=now, known=table_of({"id": "bigint"}))
    with connection.cursor() as cursor:
        cursor.execute(statement, (worker_id, moment, only_mailing, rows_parameter([(pk,) for pk in known])))
        rows = cursor.fetchall()
    if not rows:
        return None
    found = [SendingMailing._make(row) for row in rows]
    strangers = {mailing.owner for mailing in found if not mailing.is_trusted}
    return Sending(
        now=moment_of(found[0].now),
        mark=found[0].mark or 0,
        owners={mailing.pk: mailing.owner for mailing in found},
        is_limited=any(mailing.is_limited for mailing in found),
        is_held_back=are_held_back(strangers),
    )
