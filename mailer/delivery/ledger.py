"""What became of the claims, recorded: attempts, deliveries' states and counts, in one transaction per batch."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import F

from core.clock import db_now
from mailer.delivery.claim import Claim
from mailer.delivery.counts import move_counts, moved
from mailer.delivery.failpoints import reach
from mailer.delivery.outcome import Kind, Outcome, Scope
from mailer.delivery.retry import next_attempt_at
from mailer.models import Attempt, Delivery, Mailing
from mailer.reasons import LOGIN_REFUSED, MAILING_REFUSED, StatusReason

State = Delivery.State

UNCHARGED_PAUSE = timedelta(seconds=30)  # before a delivery is tried again after trouble that was not its own


@dataclass(frozen=True, slots=True)
class Result:
    """One claim's outcome, with the times of its transaction (aware, this machine's clock)."""

    claim: Claim
    outcome: Outcome
    started_at: datetime
    finished_at: datetime


@dataclass
class Recorded:
    """What one batch changed. `outcomes` leaves out those that went back to wait without having been tried."""

    mailing_ids: set[int] = field(default_factory=set)
    states: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    to_pause: dict[int, StatusReason] = field(default_factory=dict)  # mailings that cannot go on, and why


@dataclass(frozen=True)
class Window:
    """What the ledger must know of a result's mailing, read under a share lock."""

    status: str
    ends_at: datetime

    def state_of_open(self, state: str, now: datetime) -> str:
        """What a delivery that would stay open becomes, as its mailing stands now."""
        if self.status == Mailing.Status.CANCELLED:
            return State.CANCELLED
        return State.EXPIRED if self.ends_at <= now else state


@transaction.atomic
def record(worker_id: int, results: Sequence[Result], counted_by: int | None = None) -> Recorded:
    """Record a worker's results, once: a delivery moves only where it is still that worker's.

    `counted_by` is who does it, where that is another than the worker (a sweep).
    """
    windows = _windows_under_share_lock({result.claim.mailing_id for result in results})
    now = db_now()
    held = _held_by(worker_id, [result.claim.delivery_id for result in results])
    mine = [result for result in results if result.claim.delivery_id in held]
    Attempt.objects.bulk_create([_attempt(r) for r in mine if r.outcome.is_charged], ignore_conflicts=True)

    by_change: dict[Change, list[int]] = defaultdict(list)
    recorded = Recorded()
    moves: dict[int, Counter[tuple[str, str]]] = defaultdict(Counter)
    for result in mine:
        change = _change(result, windows[result.claim.mailing_id], now)
        by_change[change].append(result.claim.delivery_id)
        moves[result.claim.mailing_id][(State.SENDING, change.state)] += 1
        recorded.mailing_ids.add(result.claim.mailing_id)
        recorded.states[change.state] += 1
        if change.charged or change.state not in Delivery.WAITING:
            recorded.outcomes[change.state] += 1
        if result.outcome.kind is Kind.REJECTED and result.outcome.scope in (Scope.MAILING, Scope.ACCOUNT):
            recorded.to_pause[result.claim.mailing_id] = _why_paused(result.outcome)
    for change, delivery_ids in by_change.items():
        _move(delivery_ids, change)
    for mailing_id in sorted(moves):
        move_counts(mailing_id, counted_by or worker_id, moved(moves[mailing_id]))
    reach("ledger.before_commit")
    return recorded


@dataclass(frozen=True)
class Change:
    """How a delivery moves on from `sending`. `next_attempt_at` None leaves the time as it is."""

    state: str
    charged: bool
    next_attempt_at: datetime | None = None


def _change(result: Result, window: Window, now: datetime) -> Change:
    outcome, claim = result.outcome, result.claim
    if not outcome.is_charged:
        waiting = State.DEFERRED if claim.number > 1 else State.QUEUED
        later = None if outcome.kind is Kind.WITHHELD else now + UNCHARGED_PAUSE
        return Change(window.state_of_open(waiting, now), False, later)
    match outcome.kind:
        case Kind.ACCEPTED:
            return Change(State.SENT, True)
        case Kind.REJECTED:
            return Change(State.FAILED, True)
        case Kind.UNCERTAIN:
            return Change(State.UNCERTAIN, True)
    again = next_attempt_at(claim.number, now, window.ends_at, random.random)
    # Where no further try fits into the window, it waits for the window's end and expires then.
    return Change(window.state_of_open(State.DEFERRED, now), True, again or window.ends_at)


def _windows_under_share_lock(mailing_ids: set[int]) -> dict[int, Window]:
    """The mailings' windows, kept from changing until the commit. SQLite, with one writer, needs no lock."""
    mailings = Mailing.objects.filter(pk__in=mailing_ids).order_by("pk").values_list("pk", "status", "ends_at")
    if not connection.features.has_select_for_update:
        return {pk: Window(status, ends_at) for pk, status, ends_at in mailings}
    select, parameters = mailings.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(f"{select} FOR SHARE", parameters)  # the ORM knows only the exclusive lock
        return {pk: Window(status, ends_at) for pk, status, ends_at in cursor.fetchall()}


def _held_by(worker_id: int, delivery_ids: list[int]) -> set[int]:
    held = Delivery.objects.select_for_update(of=("self",)).filter(
        pk__in=delivery_ids, worker=worker_id, state=State.SENDING
    )
    return set(held.order_by("pk").values_list("pk", flat=True))


def _attempt(result: Result) -> Attempt:
    outcome = result.outcome
    return Attempt(
        delivery_id=result.claim.delivery_id,
        mailing_id=result.claim.mailing_id,
        number=result.claim.number,
        status=_ATTEMPT_STATUS[outcome.kind],
        reply_code=outcome.reply_code,
        enhanced_code=outcome.enhanced_code,
        server_response=outcome.server_response,
        started_at=result.started_at,
        finished_at=result.finished_at,
    )


def _why_paused(outcome: Outcome) -> StatusReason:
    """Why the mailing cannot go on, with the server's words, for the person who can mend it."""
    words = f"{outcome.reply_code or ''} {outcome.server_response}".strip()
    return StatusReason(LOGIN_REFUSED if outcome.scope is Scope.ACCOUNT else MAILING_REFUSED, words)


_ATTEMPT_STATUS = {
    Kind.ACCEPTED: Attempt.Status.SUCCESS,
    Kind.DEFERRED: Attempt.Status.FAILURE,
    Kind.REJECTED: Attempt.Status.FAILURE,
    Kind.UNCERTAIN: Attempt.Status.UNCERTAIN,
}


def _move(delivery_ids: list[int], change: Change) -> None:
    changes: dict[str, object] = {"state": change.state, "worker": None}
    if change.charged:
        changes["attempt_count"] = F("attempt_count") + 1
    if change.next_attempt_at is not None:
        changes["next_attempt_at"] = change.next_attempt_at
    Delivery.objects.filter(pk__in=delivery_ids).update(**changes)
