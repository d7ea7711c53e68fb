"""The claim's writing: due deliveries become the worker's, are counted as `sending`, and the worker's mark moves on.

PostgreSQL is told in one statement, which is a transaction by itself: each answer that the thread waits for, it may
have to wait for the interpreter too. SQLite takes one thing at a time, within the claim's transaction.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from mailer.delivery.counts import move_counts, moved
from mailer.delivery.failpoints import reach
from mailer.delivery.frontier import Place
from mailer.delivery.rowset import rows_of
from mailer.models import Delivery


class Due(NamedTuple):
    """What a claim reads of a delivery, as it was before: a whole model takes five times as long to make."""

    pk: int
    mailing_id: int
    state: str
    attempt_count: int
    email: str
    full_name: str
    message_id: str
    merge_data: dict[str, str]
    address_key: str
    due_at: str  # as the database writes it
    dated_at: str | None  # likewise
    is_suppressed: bool  # and so not taken


COLUMNS = """
    id, mailing_id, state, attempt_count, email, full_name, message_id, {merge_data}, address_key, due_at, dated_at,
    is_suppressed
"""
# Nothing is due to a worker that a restored database does not know, or whose mark it has forgotten: behind a pooler the
# statement before this one may have been answered by another copy.
DUE = """
    SELECT d.*, CAST(d.next_attempt_at AS text) AS due_at, EXISTS (
        SELECT 1 FROM mailer_suppression AS s
        WHERE s.address_key = d.address_key AND s.lifted_at IS NULL AND (s.owner_id = %s OR s.owner_id IS NULL)
    ) AS is_suppressed
    FROM mailer_delivery AS d
    WHERE EXISTS (SELECT 1 FROM mailer_worker AS w WHERE w.id = %s AND w.mark >= %s)
    AND d.mailing_id = %s AND d.state IN ('queued', 'deferred') AND d.next_attempt_at <= %s AND {not_reached}
    ORDER BY d.next_attempt_at, d.id LIMIT %s
"""
TAKE = """
    UPDATE mailer_delivery SET state = 'sending', worker_id = %s, dated_at = COALESCE(dated_at, %s) WHERE id {among}
"""
MARK = "UPDATE mailer_worker SET mark = mark + 1 WHERE id = %s"

# The other parts of the one statement see the rows as `due` has found and locked them.
POSTGRESQL = f"""
    WITH due AS ({DUE} FOR UPDATE OF d SKIP LOCKED),
    wanted AS (SELECT * FROM due WHERE NOT is_suppressed),
    taken AS ({TAKE}),
    marked AS ({MARK} AND EXISTS (SELECT 1 FROM wanted)),
    counted AS (
        INSERT INTO mailer_mailingcount (mailing_id, worker, state, n)
        SELECT mailing_id, %s, CASE WHEN n = 1 THEN 'sending' ELSE state END AS counted, sum(n)
        FROM wanted CROSS JOIN (VALUES (1), (-1)) AS change (n)
        GROUP BY mailing_id, counted
        ON CONFLICT (mailing_id, worker, state) DO UPDATE SET n = mailer_mailingcount.n + excluded.n
    )
"""  # noqa: S608 - texts of ours


def take_due(
    mailing_id: int, owner_id: int, worker: tuple[int, int], most: int, now: datetime, beyond: Place | None
) -> list[Due]:
    """Take up to `most` of the mailing's due deliveries that no other claim has locked, the longest due first.

    `worker` is its id and its mark, `beyond` is where the claim before ended. Returns also those who are suppressed,
    which are not taken.
    """
    not_reached, place = ("(d.next_attempt_at, d.id) > (%s, %s)", beyond) if beyond else ("true", ())
    moment = connection.ops.adapt_datetimefield_value(now)
    search = (owner_id, *worker, mailing_id, moment, *place, most)
    take = _take_at_once if connection.vendor == "postgresql" else _take_step_by_step
    return take(worker[0], moment, not_reached, search)


def _take_at_once(worker_id: int, moment: str | None, not_reached: str, search: tuple[Any, ...]) -> list[Due]:
    steps = POSTGRESQL.format(not_reached=not_reached, among="= ANY (ARRAY (SELECT id FROM wanted))")
    parameters = (*search, worker_id, moment, worker_id, worker_id)
    reach("claim.before_commit")
    with connection.cursor() as cursor:
        found = rows_of(cursor, COLUMNS.format(merge_data="merge_data"), "SELECT * FROM due", parameters, steps)
    return [Due._make(row) for row in found]


def _take_step_by_step(worker_id: int, moment: str | None, not_reached: str, search: tuple[Any, ...]) -> list[Due]:
    columns = COLUMNS.format(merge_data="json(merge_data)")
    with connection.cursor() as cursor:
        found = [Due._make(row) for row in rows_of(cursor, columns, DUE.format(not_reached=not_reached), search)]
        wanted = [due for due in found if not due.is_suppressed]
        if wanted:
            ids = json.dumps([due.pk for due in wanted])
            cursor.execute(TAKE.format(among="IN (SELECT value FROM json_each(%s))"), (worker_id, moment, ids))
            cursor.execute(MARK, [worker_id])
            moves = Counter((due.state, str(Delivery.State.SENDING)) for due in wanted)
            move_counts(wanted[0].mailing_id, worker_id, moved(moves))
            reach("claim.before_commit")
    return found
