"""Who works on a delivery: a worker registers, holds a lease, and claims what is due."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import F

from core.clock import db_now, db_now_in_sql
from mailer.delivery.allowance import are_held_back, locked_allowances
from mailer.delivery.frontier import Frontier
from mailer.delivery.limits import Limits, locked_limits, without_tokens
from mailer.delivery.lookups import Literally
from mailer.delivery.marks import check_mark
from mailer.delivery.rowset import rows_parameter, table_of
from mailer.delivery.suppression import skip_suppressed
from mailer.delivery.taking import Due, take_due
from mailer.delivery.throttle import Token
from mailer.models import Delivery, Worker

State = Delivery.State

LEASE = timedelta(seconds=60)
RENEW_EVERY = 5.0  # seconds
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


def register_worker(host: str, boot_id: str) -> int:
    """A new worker with a fresh lease; its number names its journal and its counters."""
    now = db_now()
    worker = Worker.objects.create(
        host=host, boot_id=boot_id, started_at=now, last_seen=now, lease_expires_at=now + LEASE
    )
    return worker.pk


@transaction.atomic
def renew_lease(worker_id: int, trouble: str) -> int:
    """Renew the worker's lease on all its claims and say what troubles it.

    Returns its new mark (see `marks.py`), or 0 once another has taken its claims over.
    """
    now = db_now()
    worker = Worker.objects.filter(pk=worker_id, swept_at=None)
    worker.update(last_seen=now, lease_expires_at=now + LEASE, trouble=trouble, mark=F("mark") + 1)
    return worker.values_list("mark", flat=True).first() or 0


def retire_worker(worker_id: int) -> bool:
    """End the worker's lease: it has stopped. Returns whether it leaves claims behind."""
    Worker.objects.filter(pk=worker_id).update(lease_expires_at=db_now(), trouble="")
    return Delivery.objects.filter(IS_CLAIMED, worker=worker_id).exists()


def claim_deliveries(
    worker_id: int, known_mark: int, most: int, only_mailing: int | None = None, frontier: Frontier | None = None
) -> tuple[list[Claim], int]:
    """Take up to `most` due deliveries for this worker, shared evenly between the mailings that are sending.

    Counts that in the worker's mark (see `marks.py`), which was `known_mark`; returns what it is now. `frontier` is
    where the worker's last claims have come to, and where this one comes to. Raises DatabaseWentBack.
    """
    frontier = frontier or Frontier()
    frontier.passed_over = False
    sending = _sending_mailings(worker_id, only_mailing, frontier.known())
    if sending is None:
        return [], known_mark
    check_mark(sending.mark + 1, known_mark)
    with transaction.atomic(savepoint=False) if sending.needs_locks else nullcontext():
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
        found = _claim_from(mailing_id, owner, worker_id, room, sending.now, frontier)
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


@dataclass(frozen=True)
class Sending:
    """The mailings that have something due, with their owners; by the database's time, and with the worker's mark."""

    now: datetime
    mark: int
    owners: dict[int, int]
    is_limited: bool  # by a rate
    is_held_back: bool  # by an allowance of a new account

    @property
    def needs_locks(self) -> bool:
        """Whether other claims have to wait for this one's end; SQLite has one writer for a whole transaction."""
        return self.is_limited or self.is_held_back or connection.vendor == "sqlite"


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


def _sending_mailings(worker_id: int, only_mailing: int | None, known: list[int]) -> Sending | None:
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


def _claim_from(
    mailing_id: int, owner_id: int, worker_id: int, most: int, now: datetime, frontier: Frontier
) -> list[Claim]:
    if most == 0:
        return []
    found = take_due(mailing_id, owner_id, worker_id, most, now, frontier.place(mailing_id))
    frontier.reached(mailing_id, (found[-1].due_at, found[-1].pk) if len(found) == most else None)
    passed_over = [due.pk for due in found if due.is_suppressed]
    if passed_over:
        frontier.passed_over = True
        skip_suppressed(owner_id, passed_over, worker_id)
    return [_claim(due, now) for due in found if not due.is_suppressed]


def _claim(due: Due, now: datetime) -> Claim:
    date = moment_of(due.dated_at) if due.dated_at else now
    who = (due.email, due.full_name, due.message_id, due.merge_data)
    return Claim(due.pk, due.mailing_id, due.attempt_count + 1, *who, date)


def moment_of(text: str) -> datetime:
    """A moment as the database writes it. SQLite keeps them in UTC, without saying so."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


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
