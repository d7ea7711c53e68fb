"""Who works on a delivery: a worker registers, holds a lease, and claims what is due."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Coalesce

from core.clock import db_now
from mailer.delivery.allowance import locked_allowances
from mailer.delivery.counts import move_counts, moved
from mailer.delivery.failpoints import reach
from mailer.delivery.frontier import Frontier, Place
from mailer.delivery.limits import locked_limits, without_tokens
from mailer.delivery.lookups import Among, Literally
from mailer.delivery.rowset import rows_of, rows_parameter, table_of
from mailer.delivery.suppression import without_suppressed
from mailer.delivery.throttle import Token
from mailer.models import Delivery, Worker

State = Delivery.State

LEASE = timedelta(seconds=60)
RENEW_EVERY = 5.0  # seconds
MOST_CLAIMED = 250

IS_CLAIMED = Literally(F("state"), [State.SENDING])


@dataclass(frozen=True, slots=True)
class Claim:
    """One delivery in a worker's hands: all that composing and recording need, so that nothing is read again."""

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


@transaction.atomic(savepoint=False)
def claim_deliveries(
    worker_id: int, most: int, only_mailing: int | None = None, frontier: Frontier | None = None
) -> list[Claim]:
    """Take up to `most` due deliveries for this worker, shared evenly between the mailings that are sending.

    `frontier` is where the worker's last claims have come to, and where this one comes to.
    """
    now = db_now()
    frontier = frontier or Frontier()
    frontier.passed_over = False
    owners = _sending_mailings(now, only_mailing, frontier.known())
    left = {owner: allowance.left for owner, allowance in locked_allowances(owners.values(), now).items()}
    limits = locked_limits(owners)
    most = limits.room(None, most)
    claims: list[Claim] = []
    taken: Counter[int] = Counter()  # by mailing

    def claim_from(mailing_id: int, share: int) -> None:
        owner = owners[mailing_id]
        own_room = limits.room(mailing_id, most) - taken[mailing_id]
        room = min(share, left.get(owner, share), own_room)
        found = _claim_from(mailing_id, owner, worker_id, room, now, frontier)
        if owner in left:
            left[owner] -= len(found)
        taken[mailing_id] += len(found)
        claims.extend(found)

    in_turn = limits.in_turn(owners, frontier.turn)
    for position, mailing_id in enumerate(in_turn):
        claim_from(mailing_id, -(-(most - len(claims)) // (len(in_turn) - position)))
    for mailing_id in in_turn:  # what a small mailing left of its share
        claim_from(mailing_id, most - len(claims))
    if claims:
        frontier.turn = claims[-1].mailing_id
        reach("claim.before_commit")
    return limits.spend(claims)


# In SQL, since the ORM takes a millisecond to word it. What is due is looked up for each mailing: an EXISTS PostgreSQL
# may answer by reading all that is due.
SENDING_MAILINGS = """
    SELECT m.id, m.owner_id FROM mailer_mailing AS m JOIN core_user AS owner ON owner.id = m.owner_id
    WHERE m.status = 'sending' AND m.ends_at > %s AND owner.is_active AND m.id = COALESCE(%s, m.id)
    AND (m.id IN (SELECT id FROM {known} AS known) OR (
        SELECT d.id FROM mailer_delivery AS d
        WHERE d.mailing_id = m.id AND d.state IN ('queued', 'deferred') AND d.next_attempt_at <= %s
        ORDER BY d.next_attempt_at, d.id LIMIT 1
    ) IS NOT NULL)
    ORDER BY m.id
"""


def _sending_mailings(now: datetime, only_mailing: int | None, known: list[int]) -> dict[int, int]:
    """The owners of the mailings that have something due, as those that are `known` have, by mailing."""
    moment = connection.ops.adapt_datetimefield_value(now)
    statement = SENDING_MAILINGS.format(known=table_of({"id": "bigint"}))
    with connection.cursor() as cursor:
        cursor.execute(statement, (moment, only_mailing, rows_parameter([(pk,) for pk in known]), moment))
        return dict(cursor.fetchall())


class Taken(NamedTuple):
    """What a claim reads of a delivery: a whole model takes five times as long to make."""

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
    dated_at: datetime | None


COLUMNS = """
    id, mailing_id, state, attempt_count, email, full_name, message_id, {merge_data}, address_key, due_at, dated_at
"""
DUE = """
    SELECT *, CAST(next_attempt_at AS text) AS due_at
    FROM mailer_delivery
    WHERE mailing_id = %s AND state IN ('queued', 'deferred') AND next_attempt_at <= %s AND {not_reached}
    ORDER BY next_attempt_at, id LIMIT %s {locked}
"""


def _claim_from(
    mailing_id: int, owner_id: int, worker_id: int, most: int, now: datetime, frontier: Frontier
) -> list[Claim]:
    if most == 0:
        return []
    taken = _locked_due(mailing_id, most, now, frontier.place(mailing_id))
    frontier.reached(mailing_id, (taken[-1].due_at, taken[-1].pk) if len(taken) == most else None)
    n = len(taken)
    taken = without_suppressed(owner_id, taken, worker_id)
    frontier.passed_over |= len(taken) < n
    if not taken:
        return []
    Delivery.objects.filter(Among(F("pk"), [delivery.pk for delivery in taken])).update(
        state=State.SENDING, worker=worker_id, dated_at=Coalesce("dated_at", now)
    )
    moves = Counter((delivery.state, str(State.SENDING)) for delivery in taken)
    move_counts(mailing_id, worker_id, moved(moves))
    return [claim_of(delivery, now) for delivery in taken]


def _locked_due(mailing_id: int, most: int, now: datetime, beyond: Place | None) -> list[Taken]:
    """Up to `most` of the mailing's due deliveries that no other claim has locked, the longest due first."""
    not_reached, place = ("(next_attempt_at, id) > (%s, %s)", beyond) if beyond else ("true", ())
    is_sqlite = connection.vendor == "sqlite"
    select = DUE.format(not_reached=not_reached, locked="" if is_sqlite else "FOR UPDATE SKIP LOCKED")
    columns = COLUMNS.format(merge_data="json(merge_data)" if is_sqlite else "merge_data")
    moment = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        rows = rows_of(cursor, columns, select, (mailing_id, moment, *place, most))
    return [Taken._make((*row, dated_at and _moment(dated_at))) for *row, dated_at in rows]


def _moment(text: str) -> datetime:
    """SQLite keeps moments in UTC, without saying so."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def claims_of(worker_id: int) -> list[Claim]:
    """All that the worker holds by the database, whether it knows or not: the answer to a commit may get lost."""
    now = db_now()
    held = Delivery.objects.filter(IS_CLAIMED, worker=worker_id)
    return without_tokens([claim_of(delivery, now) for delivery in held.order_by("next_attempt_at", "id")])


def claim_of(delivery: Delivery | Taken, now: datetime) -> Claim:
    """The claim on a delivery whose row was read before or after it was taken, at `now`."""
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
