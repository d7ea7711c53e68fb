"""A worker claims what is due."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import F

from core.clock import db_now
from mailer.delivery.allowance import locked_allowances
from mailer.delivery.frontier import Frontier
from mailer.delivery.limits import Limits, locked_limits, without_tokens
from mailer.delivery.lookups import Literally
from mailer.delivery.marks import check_mark
from mailer.delivery.rowset import moment_of
from mailer.delivery.sending import Sending, sending_mailings
from mailer.delivery.suppression import skip_suppressed
from mailer.delivery.taking import Due, take_due
from mailer.delivery.throttle import Token
from mailer.models import Delivery, Worker

State = Delivery.State

MOST_CLAIMED = 250

IS_CLAIMED = Literally(F("state"), [State.SENDING])


class Claim(NamedTuple):
    """One delivery in a worker's hands: all that composing and recording need, so that nothing is read again.

    A frozen dataclass takes five times as long to make.
    """

    delivery_id: int
    mailing_id: int
    number: int  # of the attempt that this claim may make
    email: str
    full_name: str
    message_id: str
    merge_data: dict[str, str]
    date: datetime
    token: Token | None = None  # when it may go, where a limit is set


def claim_deliveries(
    worker_id: int, known_mark: int, most: int, only_mailing: int | None = None, frontier: Frontier | None = None
) -> tuple[list[Claim], int]:
    """Take up to `most` due deliveries for this worker, shared evenly between the mailings that are sending.

    Counts that in the worker's mark (see `marks.py`), which was `known_mark`; returns what it is now. `frontier` is
    where the worker's last claims have come to, and where this one comes to. Raises DatabaseWentBack.
    """
    frontier = frontier or Frontier()
    frontier.passed_over = False
    sending = sending_mailings(worker_id, only_mailing, frontier.known())
    if sending is None:
        return [], known_mark
    check_mark(sending.mark + 1, known_mark)
    with transaction.atomic(savepoint=False) if sending.needs_transaction else nullcontext():
        claims, taken = _claim_in_turn(worker_id, most, sending, frontier)
    return claims, sending.mark + taken


def held_claims(worker_id: int, known_mark: int) -> tuple[list[Claim], int]:
    """The same for what the worker holds already, by a claim whose answer was lost."""
    with transaction.atomic():
        claims = claims_of(worker_id)
        Worker.objects.filter(pk=worker_id).update(mark=F("mark") + 1)
        mark = Worker.objects.filter(pk=worker_id).values_list("mark", flat=True).first() or 0
        check_mark(mark, known_mark)
    return claims, mark


def _claim_in_turn(worker_id: int, most: int, sending: Sending, frontier: Frontier) -> tuple[list[Claim], int]:
    """The claims, and how many times some were taken."""
    owners = sending.owners
    allowances = locked_allowances(owners.values(), sending.now) if sending.is_held_back else {}
    left = {owner: allowance.left for owner, allowance in allowances.items()}
    limits = locked_limits(owners) if sending.is_limited else Limits()
    most = limits.room(None, most)
    claims: list[Claim] = []
    taken: Counter[int] = Counter()  # by mailing
    times = 0

    def claim_from(mailing_id: int, share: int) -> None:
        nonlocal times
        owner = owners[mailing_id]
        own_room = limits.room(mailing_id, most) - taken[mailing_id]
        room = min(share, left.get(owner, share), own_room)
        found = _claim_from(mailing_id, owner, (worker_id, sending.mark), room, sending.now, frontier)
        if owner in left:
            left[owner] -= len(found)
        taken[mailing_id] += len(found)
        times += bool(found)
        claims.extend(found)

    in_turn = limits.in_turn(owners, frontier.turn)
    for position, mailing_id in enumerate(in_turn):
        claim_from(mailing_id, -(-(most - len(claims)) // (len(in_turn) - position)))
    for mailing_id in in_turn:  # what a small mailing left of its share
        claim_from(mailing_id, most - len(claims))
    if claims:
        frontier.turn = claims[-1].mailing_id
    return limits.spend(claims), times


def _claim_from(
    mailing_id: int, owner_id: int, worker: tuple[int, int], most: int, now: datetime, frontier: Frontier
) -> list[Claim]:
    if most == 0:
        return []
    found = take_due(mailing_id, owner_id, worker, most, now, frontier.place(mailing_id))
    frontier.reached(mailing_id, (found[-1].due_at, found[-1].pk) if len(found) == most else None)
    passed_over = [due.pk for due in found if due.is_suppressed]
    if passed_over:
        frontier.passed_over = True
        skip_suppressed(owner_id, passed_over, worker[0])
    return [_claim(due, now) for due in found if not due.is_suppressed]


def _claim(due: Due, now: datetime) -> Claim:
    date = moment_of(due.dated_at) if due.dated_at else now
    who = (due.email, due.full_name, due.message_id, due.merge_data)
    return Claim(due.pk, due.mailing_id, due.attempt_count + 1, *who, date)


def claims_of(worker_id: int) -> list[Claim]:
    """All that the worker holds by the database, whether it knows or not: the answer to a commit may get lost."""
    now = db_now()
    held = Delivery.objects.filter(IS_CLAIMED, worker=worker_id)
    return without_tokens([claim_of(delivery, now) for delivery in held.order_by("next_attempt_at", "id")])


def claim_of(delivery: Delivery, now: datetime) -> Claim:
    """The claim on a delivery that is taken, as its row is at `now`."""
    return Claim(
        delivery_id=delivery.pk,
        mailing_id=delivery.mailing_id,
        number=delivery.attempt_count + 1,
        email=delivery.email,
        full_name=delivery.full_name,
        message_id=delivery.message_id,
        merge_data=delivery.merge_data,
        date=delivery.dated_at or now,
    )
