"""The ledger's writing: deliveries move on from `sending`, get their attempts, and are counted, a batch at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.db import connection, transaction
from django.db.models import F

from core.clock import moment_at
from mailer.delivery.counts import count_attempts, move_counts_of_all
from mailer.delivery.failpoints import reach
from mailer.delivery.lookups import Among
from mailer.delivery.rowset import rows_of, rows_parameter, table_of
from mailer.delivery.verdict import ATTEMPT_STATUS, Change, Result, Verdict
from mailer.models import Delivery

State = Delivery.State

HOUR = 3_600_000_000  # microseconds

VERDICTS = {
    "id": "bigint",
    "mailing_id": "bigint",
    "number": "integer",
    "state": "text",
    "charged": "integer",
    "next_attempt_at": "timestamptz",
    "state_reason": "text",
    "forgives": "boolean",
    "status": "text",
    "reply_code": "integer",
    "enhanced_code": "text",
    "server_response": "text",
    "started_at": "microseconds",
    "finished_at": "microseconds",
}
# COALESCE leaves both databases the key alone to go by: as far as they know nobody holds anything, and they would go
# through all that is held for each row anew.
IS_HELD = """
    d.id = r.id AND d.attempt_count = r.number - 1
    AND COALESCE(d.worker_id, 0) = %s AND COALESCE(d.state, '') = 'sending'
"""
MOVE = f"""
    UPDATE mailer_delivery AS d SET
        state = r.state,
        worker_id = NULL,
        attempt_count = d.attempt_count + r.charged,
        next_attempt_at = COALESCE(r.next_attempt_at, d.next_attempt_at),
        state_reason = CASE WHEN r.state_reason = '' THEN d.state_reason ELSE r.state_reason END,
        break_count = CASE WHEN r.forgives THEN 0 ELSE d.break_count END,
        broke_at = CASE WHEN r.forgives THEN NULL ELSE d.broke_at END
    FROM {{verdicts}} AS r WHERE {IS_HELD}
"""  # noqa: S608 - texts of ours
# An attempt that is there already stays.
ADD = """
    INSERT INTO mailer_attempt (
        delivery_id, mailing_id, number, status, reply_code, enhanced_code, server_response, started_at, finished_at,
        evidence
    )
    SELECT id, mailing_id, number, status, reply_code, enhanced_code, server_response, started_at, finished_at, ''
    FROM {moved} AS moved WHERE charged = 1
    ON CONFLICT DO NOTHING
"""
# `moved` are the verdicts on what did move.
POSTGRESQL = f"""
    WITH moved AS ({MOVE} RETURNING r.*),
    added AS ({ADD.format(moved="moved")}),
    counted AS (
        INSERT INTO mailer_mailingcount (mailing_id, worker, state, n)
        SELECT mailing_id, %s, CASE WHEN n = 1 THEN state ELSE 'sending' END AS counted, sum(n)
        FROM moved CROSS JOIN (VALUES (1), (-1)) AS change (n)
        GROUP BY mailing_id, counted
        ON CONFLICT (mailing_id, worker, state) DO UPDATE SET n = mailer_mailingcount.n + excluded.n
    ),
    timed AS (
        INSERT INTO mailer_attemptcount (mailing_id, worker, hour, status, n)
        SELECT mailing_id, %s, date_trunc('hour', finished_at, 'UTC') AS ended, status, count(*)
        FROM moved WHERE charged = 1
        GROUP BY mailing_id, ended, status
        ON CONFLICT (mailing_id, worker, hour, status) DO UPDATE SET n = mailer_attemptcount.n + excluded.n
    )
"""  # noqa: S608 - texts of ours


def write_verdicts(worker_id: int, verdicts: Sequence[Verdict], counted_by: int) -> set[int]:
    """Move the deliveries that are still the worker's, for the attempt that it claimed them for. Returns which were.

    Each of these gets its attempt, where it is charged with one, and all of it is counted, in one transaction.
    """
    if connection.vendor == "postgresql":
        return _write_at_once(worker_id, verdicts, counted_by)
    with transaction.atomic(savepoint=False):
        return _write_step_by_step(worker_id, verdicts, counted_by)


def _row(result: Result, change: Change) -> tuple[Any, ...]:
    """In the order of VERDICTS."""
    claim, outcome, started_at, finished_at = result
    moved = (change.state, int(change.charged), change.next_attempt_at, change.state_reason, change.forgives)
    if not change.charged:
        return (claim.delivery_id, claim.mailing_id, claim.number, *moved)
    reply = (outcome.reply_code, outcome.enhanced_code, outcome.server_response)
    status = ATTEMPT_STATUS[outcome.kind]
    return (claim.delivery_id, claim.mailing_id, claim.number, *moved, status, *reply, started_at, finished_at)


def _write_at_once(worker_id: int, verdicts: Sequence[Verdict], counted_by: int) -> set[int]:
    """In one statement, which is a transaction by itself: see `taking.py`."""
    steps = POSTGRESQL.format(verdicts=table_of(VERDICTS))
    rows = rows_parameter([_row(*verdict) for verdict in verdicts])
    reach("ledger.before_commit")
    with connection.cursor() as cursor:
        moved = rows_of(cursor, "id", "SELECT id FROM moved", (rows, worker_id, counted_by, counted_by), steps)
    return {pk for (pk,) in moved}


def _write_step_by_step(worker_id: int, verdicts: Sequence[Verdict], counted_by: int) -> set[int]:
    """Older SQLite has no RETURNING; with one writer, what was read stays true. It counts slower than Python does."""
    rows = [_row(*verdict) for verdict in verdicts]
    table, parameter = table_of(VERDICTS), rows_parameter(rows)
    with connection.cursor() as cursor:
        select = f"SELECT d.id FROM {table} AS r CROSS JOIN mailer_delivery AS d WHERE {IS_HELD}"  # noqa: S608
        held = {pk for (pk,) in rows_of(cursor, "id", select, (parameter, worker_id))}
        cursor.execute(MOVE.format(verdicts=table), (parameter, worker_id))
        moved = [(result, change) for result, change in verdicts if result.claim.delivery_id in held]
        if len(moved) < len(verdicts):
            parameter = rows_parameter([row for row in rows if row[0] in held])
        cursor.execute(ADD.format(moved=table), [parameter])
    _count(moved, counted_by)
    reach("ledger.before_commit")
    return held


def _count(moved: Sequence[Verdict], counted_by: int) -> None:
    tried = [result for result, change in moved if change.charged]
    hours = Counter((r.claim.mailing_id, r.finished_at // HOUR, ATTEMPT_STATUS[r.outcome.kind]) for r in tried)
    count_attempts(counted_by, {(pk, moment_at(hour * HOUR), status): n for (pk, hour, status), n in hours.items()})
    moves = Counter((result.claim.mailing_id, change.state) for result, change in moved)
    for (mailing_id, _state), n in list(moves.items()):
        moves[mailing_id, State.SENDING] -= n
    move_counts_of_all(moves, counted_by)


def move(delivery_id: int, change: Change) -> None:
    """Move one delivery whose row is locked, whosever it is."""
    changes: dict[str, Any] = {"state": change.state, "worker": None}
    if change.state_reason:
        changes["state_reason"] = change.state_reason
    if change.next_attempt_at is not None:
        changes["next_attempt_at"] = change.next_attempt_at
    Delivery.objects.filter(pk=delivery_id).update(**changes)


def lock_held(worker_id: int, delivery_ids: Sequence[int]) -> dict[int, int]:
    """Of these deliveries the worker's own, each with the number of the attempt that it is claimed for."""
    held = Delivery.objects.select_for_update(of=("self",)).filter(
        Among(F("pk"), delivery_ids), worker=worker_id, state=State.SENDING
    )
    return {pk: attempts + 1 for pk, attempts in held.order_by("pk").values_list("pk", "attempt_count")}
