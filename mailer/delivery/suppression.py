"""Who is suppressed, asked at each step of the way: when deliveries are made, claimed, handed over and released.

The claim asks as it locks its rows, and the gate about all that its worker holds: what is committed after the one is
seen by the other. That waiting deliveries are skipped at once too (`skipping.py`) is for people's eyes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Case, CharField, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When

from mailer.delivery.counts import move_counts, moved
from mailer.delivery.doubt import in_doubt
from mailer.delivery.rowset import rows_parameter, table_of
from mailer.models import Delivery, Mailing, Suppression
from mailer.skipped import BY_SITE

State = Delivery.State

# What the person wants comes first, and what is said of the site last: of the reasons by name, downwards.
ORDER = (F("owner").asc(nulls_last=True), "-reason")
WORD = Case(When(owner=None, then=Value(BY_SITE)), default="reason", output_field=CharField())


def active(owner_id: int | None) -> Q:
    """The suppressions that hold for this owner's mailings: the owner's and the site's."""
    return Q(lifted_at=None) & (Q(owner=owner_id) | Q(owner=None))


# In SQL, since the ORM takes longer over 250 addresses than the database.
SUPPRESSED_KEYS = """
    SELECT s.address_key, s.owner_id, s.reason
    FROM {asked} AS asked CROSS JOIN mailer_suppression AS s
    WHERE s.address_key = asked.key AND s.lifted_at IS NULL
"""
# COALESCE leaves PostgreSQL the worker alone to go by: the index by mailing and state is full of what was sent.
SUPPRESSED_IN_HAND = """
    SELECT d.id FROM mailer_delivery AS d CROSS JOIN mailer_suppression AS s CROSS JOIN mailer_mailing AS m
    WHERE d.worker_id = %s AND d.state = 'sending'
    AND s.address_key = d.address_key AND s.lifted_at IS NULL
    AND m.id = COALESCE(d.mailing_id, 0) AND (s.owner_id = m.owner_id OR s.owner_id IS NULL)
"""


def suppressed(owner_id: int, keys: Collection[str]) -> dict[str, str]:
    """Of these addresses those that the owner may not mail, and why: a word of `skipped.py`."""
    with connection.cursor() as cursor:
        cursor.execute(
            SUPPRESSED_KEYS.format(asked=table_of({"key": "text"})), [rows_parameter([(key,) for key in keys])]
        )
        rows: list[tuple[str, int | None, str]] = cursor.fetchall()
    ranked: dict[str, tuple[bool, str]] = {}  # as in ORDER, the greatest first
    for key, owner, reason in rows:
        if owner in (owner_id, None):
            rank = (owner is not None, BY_SITE if owner is None else reason)
            ranked[key] = max(ranked.get(key, rank), rank)
    return {key: word for key, (_is_own, word) in ranked.items()}


def has_any(owner_id: int) -> bool:
    """Whether anybody is suppressed for this owner's mailings."""
    return Suppression.objects.filter(active(owner_id)).exists()


def reason_in_database(owner_id: int) -> Subquery:
    """The word for a row's `address_key`, or NULL where it may be mailed."""
    return Subquery(_of_a_row(owner_id).annotate(word=WORD).order_by(*ORDER).values("word")[:1])


def is_suppressed(owner_id: int) -> Exists:
    """Whether a row's `address_key` may not be mailed."""
    return Exists(_of_a_row(owner_id))


def _of_a_row(owner_id: int) -> QuerySet[Suppression]:
    return Suppression.objects.filter(active(owner_id), address_key=OuterRef("address_key"))


def skip_suppressed(owner_id: int, delivery_ids: Collection[int], worker_id: int) -> None:
    """Skip those of these deliveries that still wait, and whose addresses are suppressed; a claim waits for nobody."""
    with transaction.atomic(savepoint=False):
        waiting = Delivery.objects.filter(pk__in=delivery_ids, state__in=Delivery.WAITING)
        locked = list(waiting.select_for_update(of=("self",), skip_locked=True).order_by("pk"))
        reasons = suppressed(owner_id, [delivery.address_key for delivery in locked])
        skip([delivery for delivery in locked if delivery.address_key in reasons], reasons, worker_id)


def suppressed_in_hand(worker_id: int) -> frozenset[int]:
    """The deliveries in the worker's hands that may not be handed over any more."""
    with connection.cursor() as cursor:
        cursor.execute(SUPPRESSED_IN_HAND, [worker_id])
        return frozenset(pk for (pk,) in cursor.fetchall())


@dataclass(frozen=True)
class Released:
    """A delivery that a worker gives back, and that would wait for another try."""

    delivery_id: int
    mailing_id: int
    address_key: str


def suppressed_among(released: Iterable[Released]) -> dict[int, str]:
    """Of these deliveries, whose rows are locked, those that must not wait for another try, and why."""
    by_mailing: dict[int, list[Released]] = defaultdict(list)
    for one in released:
        by_mailing[one.mailing_id].append(one)
    owners = dict(Mailing.objects.filter(pk__in=by_mailing).values_list("pk", "owner")) if by_mailing else {}
    reasons: dict[int, str] = {}
    for mailing_id, ones in by_mailing.items():
        words = suppressed(owners[mailing_id], [one.address_key for one in ones])
        reasons |= {one.delivery_id: words[one.address_key] for one in ones if one.address_key in words}
    return reasons


def skip(deliveries: Sequence[Delivery], reasons: Mapping[str, str], counted_by: int) -> None:
    """Close these waiting deliveries, whose rows are locked; `reasons` are by address.

    One that was to be resent, and of whose first copy nobody knows, is uncertain as before.
    """
    resent = [delivery.pk for delivery in deliveries if delivery.attempt_count]
    unknown = in_doubt({delivery.mailing_id for delivery in deliveries}).filter(pk__in=resent) if resent else []
    in_question = {delivery.pk for delivery in unknown}
    by_reason: dict[str, list[int]] = defaultdict(list)
    moves: dict[int, Counter[tuple[str, str]]] = defaultdict(Counter)
    for delivery in deliveries:
        is_unknown = delivery.pk in in_question
        moves[delivery.mailing_id][delivery.state, State.UNCERTAIN if is_unknown else State.SKIPPED] += 1
        if not is_unknown:
            by_reason[reasons[delivery.address_key]].append(delivery.pk)
    Delivery.objects.filter(pk__in=in_question).update(state=State.UNCERTAIN)
    for reason, delivery_ids in by_reason.items():
        Delivery.objects.filter(pk__in=delivery_ids).update(state=State.SKIPPED, state_reason=reason)
    for mailing_id in sorted(moves):
        move_counts(mailing_id, counted_by, moved(moves[mailing_id]))


@dataclass(frozen=True)
class Bounce:
    """A delivery at which a server has said that the address is gone for good, in its own words."""

    delivery_id: int
    mailing_id: int
    address_key: str
    words: str


def suppress_bounced(bounces: Sequence[Bounce]) -> None:
    """Let the mailings' owners mail these addresses no more; told again, it does nothing."""
    if not bounces:
        return
    owners = dict(Mailing.objects.filter(pk__in={bounce.mailing_id for bounce in bounces}).values_list("pk", "owner"))
    made = [
        Suppression(
            owner_id=owners[bounce.mailing_id],
            address_key=bounce.address_key,
            reason=Suppression.Reason.HARD_BOUNCE,
            source=bounce.words,
            delivery_id=bounce.delivery_id,
        )
        for bounce in bounces
    ]
    # In one order here too.
    made.sort(key=lambda suppression: (suppression.owner_id or 0, suppression.address_key))
    Suppression.objects.bulk_create(made, ignore_conflicts=True)
