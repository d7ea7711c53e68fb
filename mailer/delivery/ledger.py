"""What became of the claims, recorded: attempts, deliveries' states and counts, in one transaction per batch."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import F

from core.clock import db_now
from mailer.addresses import address_key
from mailer.delivery.claim import Claim
from mailer.delivery.counts import count_attempts, move_counts, moved
from mailer.delivery.doubt import in_doubt
from mailer.delivery.failpoints import reach
from mailer.delivery.outcome import Kind, Outcome, Scope, charged_after_all
from mailer.delivery.poison import SHORTEST_PAUSE, Suspicion, suspect
from mailer.delivery.refusals import is_refused_too_often
from mailer.delivery.retry import hinted_wait, next_attempt_at
from mailer.delivery.suppression import Bounce, Released, suppress_bounced, suppressed_among
from mailer.models import Attempt, Delivery, Mailing
from mailer.reasons import CANNOT_BE_SENT, LOGIN_REFUSED, REFUSED_TOO_OFTEN, StatusReason

State = Delivery.State

UNCHARGED_PAUSE = SHORTEST_PAUSE  # before a delivery is tried again after trouble that was not its own


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
    not_held: list[Result] = field(default_factory=list)  # whose deliveries were not the worker's any more

    def add(self, other: Recorded) -> None:
        """What another batch changed too."""
        self.mailing_ids |= other.mailing_ids
        self.states += other.states
        self.outcomes += other.outcomes
        self.to_pause |= other.to_pause
        self.not_held += other.not_held


@dataclass(frozen=True)
class Window:
    """What the ledger must know of a result's mailing, read under a share lock."""

    status: str
    ends_at: datetime

    def state_of_open(self, state: str, now: datetime) -> str:
        """What a delivery that would stay open becomes, as its mailing stands now."""
        if self.status == Mailing.Status.CANCELLED:
            return State.CANCELLED
        return State.EXPIRED if self.ends_at <= now or self.status == Mailing.Status.COMPLETED else state

    def is_open(self, now: datetime) -> bool:
        return self.state_of_open(State.QUEUED, now) == State.QUEUED


@transaction.atomic
def record(worker_id: int, results: Sequence[Result], counted_by: int | None = None) -> Recorded:
    """Record a worker's results, once: a delivery moves only where it is still that worker's, for this attempt.

    `counted_by` is who does it, where that is another than the worker (a sweep).
    """
    windows = windows_under_share_lock({result.claim.mailing_id for result in results})
    now = db_now()
    held = _held_by(worker_id, [result.claim.delivery_id for result in results])
    mine = [result for result in results if held.get(result.claim.delivery_id) == result.claim.number]
    not_held = [result for result in results if held.get(result.claim.delivery_id) != result.claim.number]
    suspicions = _suspicions(mine)
    mine = [_charged_if_proved(result, suspicions) for result in mine]
    attempts = [_attempt(result) for result in mine if result.outcome.is_charged]
    Attempt.objects.bulk_create(attempts, ignore_conflicts=True)
    count_attempts(counted_by or worker_id, attempts)
    suppress_bounced([_bounce(result) for result in mine if result.outcome.suppresses])
    suppressed = suppressed_among(_released(result) for result in mine if _may_wait(result.outcome))

    by_change: dict[Change, list[int]] = defaultdict(list)
    recorded = Recorded(not_held=not_held)
    moves: dict[int, Counter[tuple[str, str]]] = defaultdict(Counter)
    unknown = _unknown_if_closed(mine, windows, suppressed, now)
    for result in mine:
        suspicion = suspicions.get(result.claim.delivery_id)
        pause = suspicion.pause if suspicion else UNCHARGED_PAUSE
        change = _change(result, windows[result.claim.mailing_id], now, pause)
        if change.state in Delivery.WAITING and result.claim.delivery_id in suppressed:
            change = replace(change, state=State.SKIPPED, state_reason=suppressed[result.claim.delivery_id])
        if change.state in (State.CANCELLED, State.EXPIRED, State.SKIPPED) and result.claim.delivery_id in unknown:
            change = replace(change, state=State.UNCERTAIN, state_reason="")
        by_change[change].append(result.claim.delivery_id)
        moves[result.claim.mailing_id][(State.SENDING, change.state)] += 1
        recorded.mailing_ids.add(result.claim.mailing_id)
        recorded.states[change.state] += 1
        if change.charged or change.state not in Delivery.WAITING:
            recorded.outcomes[change.state] += 1
        if result.outcome.kind is Kind.REJECTED and result.outcome.scope in (Scope.MAILING, Scope.ACCOUNT):
            recorded.to_pause[result.claim.mailing_id] = why_paused(result.outcome)
    for mailing_id, words in {
        r.claim.mailing_id: words_of(r.outcome) for r in mine if r.outcome.blames_content
    }.items():
        if is_refused_too_often(mailing_id):
            recorded.to_pause.setdefault(mailing_id, StatusReason(REFUSED_TOO_OFTEN, words))
    for change, delivery_ids in by_change.items():
        move(delivery_ids, change)
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
    state_reason: str = ""  # why it is skipped


def _change(result: Result, window: Window, now: datetime, pause: timedelta) -> Change:
    outcome, claim = result.outcome, result.claim
    if not outcome.is_charged:
        waiting = State.DEFERRED if claim.number > 1 else State.QUEUED
        later = None if outcome.kind is Kind.WITHHELD else now + pause
        return Change(window.state_of_open(waiting, now), False, later)
    match outcome.kind:
        case Kind.ACCEPTED:
            return Change(State.SENT, True)
        case Kind.REJECTED:
            return Change(State.FAILED, True)
        case Kind.UNCERTAIN:
            return Change(State.UNCERTAIN, True)
    hint = hinted_wait(outcome.server_response)
    again = next_attempt_at(claim.number, now, window.ends_at, random.random, hint)
    # Where no further try fits into the window, it waits for the window's end and expires then.
    return Change(window.state_of_open(State.DEFERRED, now), True, again or window.ends_at)


def _may_wait(outcome: Outcome) -> bool:
    """Whether a delivery with this outcome is tried again."""
    return not outcome.is_charged or outcome.kind is Kind.DEFERRED


def _released(result: Result) -> Released:
    claim = result.claim
    return Released(claim.delivery_id, claim.mailing_id, address_key(claim.email))


def _bounce(result: Result) -> Bounce:
    claim = result.claim
    return Bounce(claim.delivery_id, claim.mailing_id, address_key(claim.email), words_of(result.outcome))


def _suspicions(results: Sequence[Result]) -> dict[int, Suspicion]:
    """What to think of those that broke the connection in their own transaction."""
    broken = {result.claim.delivery_id: result.finished_at for result in results if result.outcome.breaks}
    judged = [result.finished_at for result in results if result.outcome.is_judged]
    return suspect(broken, max(judged, default=None)) if broken else {}


def _charged_if_proved(result: Result, suspicions: Mapping[int, Suspicion]) -> Result:
    suspicion = suspicions.get(result.claim.delivery_id)
    if suspicion is None or not suspicion.is_proved:
        return result
    return replace(result, outcome=charged_after_all(result.outcome))


def _unknown_if_closed(
    results: Sequence[Result], windows: dict[int, Window], suppressed: Mapping[int, str], now: datetime
) -> set[int]:
    """Of the results' deliveries that go no further, those that are uncertain if not sent after all."""
    again = [result.claim for result in results if result.claim.number > 1]
    resent = [c for c in again if c.delivery_id in suppressed or not windows[c.mailing_id].is_open(now)]
    if not resent:
        return set()
    found = in_doubt({claim.mailing_id for claim in resent}).filter(pk__in=[claim.delivery_id for claim in resent])
    return set(found.values_list("pk", flat=True))


def windows_under_share_lock(mailing_ids: set[int]) -> dict[int, Window]:
    """The mailings' windows, kept from changing until the commit. SQLite, with one writer, needs no lock."""
    mailings = Mailing.objects.filter(pk__in=mailing_ids).order_by("pk").values_list("pk", "status", "ends_at")
    if not connection.features.has_select_for_update:
        return {pk: Window(status, ends_at) for pk, status, ends_at in mailings}
    select, parameters = mailings.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(f"{select} FOR SHARE", parameters)  # the ORM knows only the exclusive lock
        return {pk: Window(status, ends_at) for pk, status, ends_at in cursor.fetchall()}


def _held_by(worker_id: int, delivery_ids: list[int]) -> dict[int, int]:
    """Of these deliveries the worker's own, each with the number of the attempt that it is claimed for."""
    held = Delivery.objects.select_for_update(of=("self",)).filter(
        pk__in=delivery_ids, worker=worker_id, state=State.SENDING
    )
    return {pk: attempts + 1 for pk, attempts in held.order_by("pk").values_list("pk", "attempt_count")}


def _attempt(result: Result) -> Attempt:
    outcome = result.outcome
    return Attempt(
        delivery_id=result.claim.delivery_id,
        mailing_id=result.claim.mailing_id,
        number=result.claim.number,
        status=ATTEMPT_STATUS[outcome.kind],
        reply_code=outcome.reply_code,
        enhanced_code=outcome.enhanced_code,
        server_response=outcome.server_response,
        started_at=result.started_at,
        finished_at=result.finished_at,
    )


def why_paused(outcome: Outcome) -> StatusReason:
    """Why the mailing cannot go on, with the server's words, for the person who can mend it."""
    without_reply = LOGIN_REFUSED if outcome.scope is Scope.ACCOUNT else CANNOT_BE_SENT
    return StatusReason(outcome.advice or without_reply, words_of(outcome))


def words_of(outcome: Outcome) -> str:
    """The server's reply, code and text."""
    return f"{outcome.reply_code or ''} {outcome.server_response}".strip()


ATTEMPT_STATUS = {
    Kind.ACCEPTED: Attempt.Status.SUCCESS,
    Kind.DEFERRED: Attempt.Status.FAILURE,
    Kind.REJECTED: Attempt.Status.FAILURE,
    Kind.UNCERTAIN: Attempt.Status.UNCERTAIN,
}


def move(delivery_ids: list[int], change: Change) -> None:
    changes: dict[str, object] = {"state": change.state, "worker": None}
    if change.charged:
        changes["attempt_count"] = F("attempt_count") + 1
    if change.charged and change.state == State.DEFERRED:
        changes |= {"break_count": 0, "broke_at": None}
    if change.state_reason:
        changes["state_reason"] = change.state_reason
    if change.next_attempt_at is not None:
        changes["next_attempt_at"] = change.next_attempt_at
    Delivery.objects.filter(pk__in=delivery_ids).update(**changes)
