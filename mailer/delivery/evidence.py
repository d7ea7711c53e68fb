"""What became of an uncertain attempt, learned late: from a journal that comes back, or from a worker that wakes up.

An attempt is settled once. Its delivery follows where nobody has decided about it meanwhile; a mailing that is
completed, but still inside its window, takes up again what turns out not to have been sent.
"""

from __future__ import annotations

import contextlib
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from core.clock import db_now
from mailer.delivery.counts import move_counts, moved, recount_attempts
from mailer.delivery.ledger import Recorded, Window, why_paused, windows_under_share_lock, words_of
from mailer.delivery.moves import move
from mailer.delivery.outcome import Kind, Outcome, Scope
from mailer.delivery.retry import next_attempt_at
from mailer.delivery.suppression import Bounce, suppress_bounced
from mailer.delivery.transitions import TransitionRefused, change_status
from mailer.delivery.verdict import ATTEMPT_STATUS, Change, Result
from mailer.locks import locked_mailing
from mailer.models import Attempt, Delivery, Mailing
from mailer.reasons import NOT_SENT_AFTER_ALL, StatusReason

State = Delivery.State
Status = Attempt.Status

# Told in the reader's language by mailer/own_words.py.
BY_JOURNAL = "The journal of the sender was found afterwards."
BY_LATE_RESULT = "The sender that had been given up told it afterwards."
NOT_HANDED_OVER = "The mail was not handed over to the server."


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a worker, or its journal, tells of one attempt. A withheld one was never handed over."""

    delivery_id: int
    number: int
    outcome: Outcome
    source: str


def late_evidence(results: Iterable[Result]) -> list[Evidence]:
    """What results tell that came when their deliveries had been taken from the worker."""
    return [Evidence(r.claim.delivery_id, r.claim.number, r.outcome, BY_LATE_RESULT) for r in results]


@transaction.atomic
def settle(worker_id: int, found: Sequence[Evidence], counted_by: int | None = None) -> Recorded:
    """Settle those of the worker's attempts that are uncertain for want of its journal; told again, it does nothing.

    `counted_by` is who does it, where that is another than the worker.
    """
    telling = {(e.delivery_id, e.number): e for e in found if e.outcome.kind is not Kind.UNCERTAIN}
    unsettled = Attempt.objects.filter(
        missing_journal=worker_id, status=Status.UNCERTAIN, delivery__in={delivery_id for delivery_id, _n in telling}
    )
    mailing_ids = set(unsettled.values_list("mailing", flat=True))
    if not mailing_ids:
        return Recorded()
    for mailing_id in sorted(mailing_ids):  # one that is just being completed must be seen to be
        locked_mailing(mailing_id)
    _reopen(unsettled, telling)
    windows = windows_under_share_lock(mailing_ids)
    deliveries = _locked(set(unsettled.values_list("delivery", flat=True)))
    attempts = [a for a in unsettled.order_by("number") if (a.delivery_id, a.number) in telling]
    outcomes: dict[int, list[Outcome]] = defaultdict(list)
    for attempt in attempts:
        evidence = telling[attempt.delivery_id, attempt.number]
        _rewrite(attempt, evidence)
        outcomes[attempt.delivery_id].append(evidence.outcome)
    Attempt.objects.bulk_update(attempts, REWRITTEN)
    recount_attempts(counted_by or worker_id, attempts, Status.UNCERTAIN)
    suppress_bounced(list(_bounces(deliveries, outcomes)))
    return _follow(deliveries, outcomes, windows, counted_by or worker_id)


def _reopen(unsettled: QuerySet[Attempt], telling: Mapping[tuple[int, int], Evidence]) -> None:
    """Let the completed mailings send again in which something may be tried again, where their windows allow it."""
    asked = unsettled.filter(mailing__status=Mailing.Status.COMPLETED, delivery__state=State.UNCERTAIN)
    keys = asked.values_list("delivery", "number", "mailing")
    again = {mailing for delivery, number, mailing in keys if _may_go_again(telling.get((delivery, number)))}
    for mailing_id in sorted(again):
        with contextlib.suppress(TransitionRefused):  # its window has ended, or its owner is blocked
            change_status(mailing_id, "reopen", None, reason=StatusReason(NOT_SENT_AFTER_ALL))


def _may_go_again(evidence: Evidence | None) -> bool:
    if evidence is None or evidence.outcome.kind is Kind.ACCEPTED:
        return False
    return not (evidence.outcome.kind is Kind.REJECTED and evidence.outcome.is_charged)


def _locked(delivery_ids: set[int]) -> list[Delivery]:
    return list(Delivery.objects.select_for_update(of=("self",)).filter(pk__in=delivery_ids).order_by("pk"))


REWRITTEN = ["status", "reply_code", "enhanced_code", "server_response", "evidence", "resolved_at"]


def _rewrite(attempt: Attempt, evidence: Evidence) -> None:
    outcome = evidence.outcome
    attempt.status = ATTEMPT_STATUS.get(outcome.kind, Status.FAILURE)
    attempt.reply_code, attempt.enhanced_code = outcome.reply_code, outcome.enhanced_code
    attempt.server_response = NOT_HANDED_OVER if outcome.kind is Kind.WITHHELD else outcome.server_response
    attempt.evidence, attempt.resolved_at = evidence.source, db_now()


def _bounces(deliveries: Sequence[Delivery], outcomes: Mapping[int, Sequence[Outcome]]) -> Iterator[Bounce]:
    for delivery in deliveries:
        for outcome in outcomes.get(delivery.pk, ()):
            if outcome.suppresses:
                yield Bounce(delivery.pk, delivery.mailing_id, delivery.address_key, words_of(outcome))


# What a delivery may have come to since a person chose to resend it, without having been sent again.
NOT_SENT = (*Delivery.WAITING, State.FAILED, State.EXPIRED, State.CANCELLED)


def _follow(
    deliveries: Sequence[Delivery],
    outcomes: Mapping[int, Sequence[Outcome]],
    windows: Mapping[int, Window],
    counted_by: int,
) -> Recorded:
    """Move the deliveries that are uncertain still, and those that are known to have been accepted after all.

    Otherwise one about which a person has decided stays as it was decided. One that is in hand again becomes what it is
    with its result: see `ledger.py`.
    """
    now = db_now()
    recorded = Recorded()
    moves: dict[int, Counter[tuple[str, str]]] = defaultdict(Counter)
    for delivery in deliveries:
        learned = outcomes.get(delivery.pk, ())
        recorded.mailing_ids.add(delivery.mailing_id)
        for outcome in learned:
            if outcome.kind is Kind.REJECTED and outcome.scope in (Scope.MAILING, Scope.ACCOUNT):
                recorded.to_pause[delivery.mailing_id] = why_paused(outcome)
        is_accepted = any(outcome.kind is Kind.ACCEPTED for outcome in learned)
        if not learned or not (delivery.state == State.UNCERTAIN or (is_accepted and delivery.state in NOT_SENT)):
            continue
        change = _change(delivery, learned, windows[delivery.mailing_id], now)
        move(delivery.pk, change)
        moves[delivery.mailing_id][(delivery.state, change.state)] += 1
        recorded.states[change.state] += 1
        recorded.outcomes[change.state] += 1
    for mailing_id in sorted(moves):
        move_counts(mailing_id, counted_by, moved(moves[mailing_id]))
    return recorded


def _change(delivery: Delivery, learned: Sequence[Outcome], window: Window, now: datetime) -> Change:
    """Sent if any copy was accepted; uncertain while one is; else what the last one makes it.

    What may be tried again is, inside the window of a mailing that still runs. In one that is over it has expired, or
    was cancelled, as with any other "not now".
    """
    if any(outcome.kind is Kind.ACCEPTED for outcome in learned):
        return Change(State.SENT, False)
    if Attempt.objects.filter(delivery=delivery, status=Status.UNCERTAIN).exists():
        return Change(State.UNCERTAIN, False)
    last = learned[-1]
    if last.kind is Kind.REJECTED and last.is_charged:
        return Change(State.FAILED, False)
    if last.is_charged:
        again = next_attempt_at(delivery.attempt_count, now, window.ends_at, random.random)
        return Change(window.state_of_open(State.DEFERRED, now), False, again or window.ends_at)
    return Change(window.state_of_open(State.QUEUED, now), False, now)
