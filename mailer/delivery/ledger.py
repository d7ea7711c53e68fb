"""What became of the claims, recorded: attempts, deliveries' states and counts, in one transaction per batch."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import F

from core.clock import db_now, moment_at
from mailer.addresses import address_key
from mailer.delivery.doubt import in_doubt
from mailer.delivery.lookups import Among
from mailer.delivery.moves import lock_held, write_verdicts
from mailer.delivery.outcome import Kind, Outcome, Scope, charged_after_all
from mailer.delivery.poison import SHORTEST_PAUSE, Suspicion, suspect
from mailer.delivery.refusals import is_refused_too_often
from mailer.delivery.retry import hinted_wait, next_attempt_at
from mailer.delivery.suppression import Bounce, Released, suppress_bounced, suppressed_among
from mailer.delivery.verdict import SENT, Change, Result, Verdict
from mailer.models import Attempt, Delivery, Mailing
from mailer.reasons import CANNOT_BE_SENT, LOGIN_REFUSED, REFUSED_TOO_OFTEN, StatusReason

State = Delivery.State

UNCHARGED_PAUSE = SHORTEST_PAUSE  # before a delivery is tried again after trouble that was not its own


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


def record(worker_id: int, results: Sequence[Result], counted_by: int | None = None) -> Recorded:
    """Record a worker's results, once: a delivery moves only where it is still that worker's, for this attempt.

    `counted_by` is who does it, where that is another than the worker (a sweep).
    """
    accepted, others = _by_acceptance(results)
    if not others:  # whatever became of their mailings meanwhile, they are sent
        return _written(worker_id, results, [(result, SENT) for result in accepted], counted_by)
    with transaction.atomic():
        windows = windows_under_share_lock({result.claim.mailing_id for result in others})
        passed_at = max((moment_at(result.finished_at) for result in accepted), default=None)
        verdicts = _verdicts(worker_id, others, windows, passed_at)
        recorded = _written(worker_id, results, [(result, SENT) for result in accepted] + verdicts, counted_by)
        not_held = {result.claim.delivery_id for result in recorded.not_held}
        recorded.to_pause = _to_pause([one for one, _change in verdicts if one.claim.delivery_id not in not_held])
    return recorded


def _written(
    worker_id: int, results: Sequence[Result], verdicts: Sequence[Verdict], counted_by: int | None
) -> Recorded:
    """Write what becomes of the results' deliveries, as far as they are still the worker's, and say what that was."""
    held = write_verdicts(worker_id, verdicts, counted_by or worker_id)
    recorded = Recorded(not_held=[result for result in results if result.claim.delivery_id not in held])
    moved = [(one.claim.mailing_id, change) for one, change in verdicts if one.claim.delivery_id in held]
    for (mailing_id, state, charged), n in Counter((pk, change.state, change.charged) for pk, change in moved).items():
        recorded.mailing_ids.add(mailing_id)
        recorded.states[state] += n
        if charged or state not in Delivery.WAITING:
            recorded.outcomes[state] += n
    return recorded


def _by_acceptance(results: Sequence[Result]) -> tuple[list[Result], list[Result]]:
    """What was accepted, which is nearly all and has one verdict; and what has to be thought about."""
    accepted = [result for result in results if result.outcome.kind is Kind.ACCEPTED]
    return accepted, [result for result in results if result.outcome.kind is not Kind.ACCEPTED]


def _verdicts(
    worker_id: int, results: Sequence[Result], windows: Mapping[int, Window], passed_at: datetime | None
) -> list[Verdict]:
    """What becomes of the deliveries that were not accepted, as far as they are still the worker's: they are locked."""
    now = db_now()
    held = lock_held(worker_id, [result.claim.delivery_id for result in results])
    mine = [result for result in results if held.get(result.claim.delivery_id) == result.claim.number]
    suspicions = _suspicions(mine, passed_at)
    suppress_bounced([_bounce(result) for result in mine if result.outcome.suppresses])
    suppressed = suppressed_among(_released(result) for result in mine if _may_wait(result.outcome))
    unknown = _unknown_if_closed(mine, windows, suppressed, now)
    accepted = _accepted_before(mine)
    verdicts = []
    for result in mine:
        suspicion = suspicions.get(result.claim.delivery_id)
        result = _charged_if_proved(result, suspicion)
        pause = suspicion.pause if suspicion else UNCHARGED_PAUSE
        change = _change(result, windows[result.claim.mailing_id], now, pause)
        if change.state in Delivery.WAITING and result.claim.delivery_id in suppressed:
            change = replace(change, state=State.SKIPPED, state_reason=suppressed[result.claim.delivery_id])
        if change.state in (State.CANCELLED, State.EXPIRED, State.SKIPPED) and result.claim.delivery_id in unknown:
            change = replace(change, state=State.UNCERTAIN, state_reason="")
        if result.claim.delivery_id in accepted:
            change = Change(State.SENT, change.charged)
        verdicts.append((result, change))
    return verdicts


def _to_pause(results: Sequence[Result]) -> dict[int, StatusReason]:
    """The mailings that cannot go on, and why. The results are in the ledger."""
    to_pause = {}
    for result in results:
        if result.outcome.kind is Kind.REJECTED and result.outcome.scope in (Scope.MAILING, Scope.ACCOUNT):
            to_pause[result.claim.mailing_id] = why_paused(result.outcome)
    blamed = {result.claim.mailing_id: words_of(result.outcome) for result in results if result.outcome.blames_content}
    for mailing_id, words in blamed.items():
        if is_refused_too_often(mailing_id):
            to_pause.setdefault(mailing_id, StatusReason(REFUSED_TOO_OFTEN, words))
    return to_pause


def _change(result: Result, window: Window, now: datetime, pause: timedelta) -> Change:
    """What becomes of a delivery that was not accepted."""
    outcome, claim = result.outcome, result.claim
    if not outcome.is_charged:
        waiting = State.DEFERRED if claim.number > 1 else State.QUEUED
        later = None if outcome.kind is Kind.WITHHELD else now + pause
        return Change(window.state_of_open(waiting, now), False, later)
    if outcome.kind is Kind.REJECTED:
        return Change(State.FAILED, True)
    if outcome.kind is Kind.UNCERTAIN:
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


def _suspicions(results: Sequence[Result], passed_at: datetime | None) -> dict[int, Suspicion]:
    """What to think of those that broke the connection in their own transaction; other mail has passed then."""
    broken = {one.claim.delivery_id: moment_at(one.finished_at) for one in results if one.outcome.breaks}
    if not broken:
        return {}
    judged = [moment_at(result.finished_at) for result in results if result.outcome.is_judged]
    return suspect(broken, max(judged + ([passed_at] if passed_at else []), default=None))


def _charged_if_proved(result: Result, suspicion: Suspicion | None) -> Result:
    if suspicion is None or not suspicion.is_proved:
        return result
    return result._replace(outcome=charged_after_all(result.outcome))


def _unknown_if_closed(
    results: Sequence[Result], windows: Mapping[int, Window], suppressed: Mapping[int, str], now: datetime
) -> set[int]:
    """Of the results' deliveries that go no further, those that are uncertain if not sent after all."""
    again = [result.claim for result in results if result.claim.number > 1]
    resent = [c for c in again if c.delivery_id in suppressed or not windows[c.mailing_id].is_open(now)]
    if not resent:
        return set()
    found = in_doubt({claim.mailing_id for claim in resent}).filter(pk__in=[claim.delivery_id for claim in resent])
    return set(found.values_list("pk", flat=True))


def _accepted_before(results: Sequence[Result]) -> set[int]:
    """Of the results' deliveries those of which a copy turned out to be accepted while they were in hand again."""
    again = [result.claim.delivery_id for result in results if result.claim.number > 1]
    if not again:
        return set()
    accepted = Attempt.objects.filter(Among(F("delivery"), again), status=Attempt.Status.SUCCESS)
    return set(accepted.values_list("delivery", flat=True))


def windows_under_share_lock(mailing_ids: set[int]) -> dict[int, Window]:
    """The mailings' windows, kept from changing until the commit. SQLite, with one writer, needs no lock."""
    if not connection.features.has_select_for_update:
        mailings = Mailing.objects.filter(pk__in=mailing_ids).values_list("pk", "status", "ends_at")
        return {pk: Window(status, ends_at) for pk, status, ends_at in mailings}
    with connection.cursor() as cursor:  # the ORM knows only the exclusive lock
        cursor.execute(
            "SELECT id, status, ends_at FROM mailer_mailing WHERE id = ANY(%s) ORDER BY id FOR SHARE", [[*mailing_ids]]
        )
        return {pk: Window(status, ends_at) for pk, status, ends_at in cursor.fetchall()}


def why_paused(outcome: Outcome) -> StatusReason:
    """Why the mailing cannot go on, with the server's words, for the person who can mend it."""
    without_reply = LOGIN_REFUSED if outcome.scope is Scope.ACCOUNT else CANNOT_BE_SENT
    return StatusReason(outcome.advice or without_reply, words_of(outcome))


def words_of(outcome: Outcome) -> str:
    """The server's reply, code and text."""
    return f"{outcome.reply_code or ''} {outcome.server_response}".strip()
