"""The ledger's writing: deliveries move on from `sending`, and attempts are added, a batch in one statement each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import F

from mailer.delivery.claim import Claim
from mailer.delivery.lookups import Among
from mailer.delivery.outcome import Kind, Outcome
from mailer.delivery.rowset import rows_of, rows_parameter, table_of
from mailer.models import Attempt, Delivery

State = Delivery.State


@dataclass(frozen=True, slots=True)
class Change:
    """How a delivery moves on. `next_attempt_at` None leaves the time as it is."""

    state: str
    charged: bool
    next_attempt_at: datetime | None = None
    state_reason: str = ""  # why it is skipped

    @property
    def forgives(self) -> bool:
        """Whether broken connections are forgotten: the server has spoken."""
        return self.charged and self.state == State.DEFERRED


ATTEMPT_STATUS = {
    Kind.ACCEPTED: Attempt.Status.SUCCESS,
    Kind.DEFERRED: Attempt.Status.FAILURE,
    Kind.REJECTED: Attempt.Status.FAILURE,
    Kind.UNCERTAIN: Attempt.Status.UNCERTAIN,
}

MOVES = {
    "id": "bigint",
    "number": "integer",
    "state": "text",
    "charged": "integer",
    "next_attempt_at": "timestamptz",
    "state_reason": "text",
    "forgives": "boolean",
}
# COALESCE leaves both databases the key alone to go by: as far as they know nobody holds anything, and they would go
# through all that is held for each row anew.
IS_HELD = """
    d.id = r.id AND d.attempt_count = r.number - 1
    AND COALESCE(d.worker_id, 0) = %s AND COALESCE(d.state, '') = 'sending'
"""
MOVE = """
    UPDATE mailer_delivery AS d SET
        state = r.state,
        worker_id = NULL,
        attempt_count = d.attempt_count + r.charged,
        next_attempt_at = COALESCE(r.next_attempt_at, d.next_attempt_at),
        state_reason = CASE WHEN r.state_reason = '' THEN d.state_reason ELSE r.state_reason END,
        break_count = CASE WHEN r.forgives THEN 0 ELSE d.break_count END,
        broke_at = CASE WHEN r.forgives THEN NULL ELSE d.broke_at END
"""


def move_held(worker_id: int, changes: Iterable[tuple[Claim, Change]]) -> set[int]:
    """Move the deliveries that are still the worker's, for the attempt that it claimed them for. Returns which were."""
    rows = [
        (
            claim.delivery_id,
            claim.number,
            change.state,
            int(change.charged),
            change.next_attempt_at,
            change.state_reason,
            change.forgives,
        )
        for claim, change in changes
    ]
    moves, parameters = f"FROM {table_of(MOVES)} AS r", (rows_parameter(rows), worker_id)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"{MOVE} {moves} WHERE {IS_HELD} RETURNING d.id", parameters)
            return {pk for (pk,) in cursor.fetchall()}
        # Older SQLite has no RETURNING; with one writer, what was read stays true.
        select = f"SELECT d.id {moves} CROSS JOIN mailer_delivery AS d WHERE {IS_HELD}"
        held = {pk for (pk,) in rows_of(cursor, "id", select, parameters)}
        cursor.execute(f"{MOVE} {moves} WHERE {IS_HELD}", parameters)
        return held


def move(delivery_id: int, change: Change) -> None:
    """Move one delivery whose row is locked, whosever it is."""
    changes: dict[str, Any] = {"state": change.state, "worker": None}
    if change.state_reason:
        changes["state_reason"] = change.state_reason
    if change.next_attempt_at is not None:
        changes["next_attempt_at"] = change.next_attempt_at
    Delivery.objects.filter(pk=delivery_id).update(**changes)


ATTEMPTS = {
    "delivery_id": "bigint",
    "mailing_id": "bigint",
    "number": "integer",
    "status": "text",
    "reply_code": "integer",
    "enhanced_code": "text",
    "server_response": "text",
    "started_at": "timestamptz",
    "finished_at": "timestamptz",
}


def insert_attempts(attempts: Sequence[tuple[Claim, Outcome, datetime, datetime]]) -> None:
    """Add an attempt for each claim, with its outcome, its start and its end; one that is there already stays."""
    rows = [
        (
            claim.delivery_id,
            claim.mailing_id,
            claim.number,
            ATTEMPT_STATUS[outcome.kind],
            outcome.reply_code,
            outcome.enhanced_code,
            outcome.server_response,
            started_at,
            finished_at,
        )
        for claim, outcome, started_at, finished_at in attempts
    ]
    columns = ", ".join(ATTEMPTS)
    selected = f"SELECT {columns}, '' FROM {table_of(ATTEMPTS)} AS r WHERE true"  # noqa: S608 - columns of ours
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO "mailer_attempt" ({columns}, evidence) {selected} ON CONFLICT DO NOTHING',
            [rows_parameter(rows)],
        )


def lock_held(worker_id: int, delivery_ids: Sequence[int]) -> dict[int, int]:
    """Of these deliveries the worker's own, each with the number of the attempt that it is claimed for."""
    held = Delivery.objects.select_for_update(of=("self",)).filter(
        Among(F("pk"), delivery_ids), worker=worker_id, state=State.SENDING
    )
    return {pk: attempts + 1 for pk, attempts in held.order_by("pk").values_list("pk", "attempt_count")}
