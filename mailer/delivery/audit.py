"""Proves a mailing's ledger: what must be true of it at every moment, each with what was expected and what was found.

A handful of set-based queries over one snapshot: a million deliveries take a few seconds, and nobody waits for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Count, Exists, F, Max, OuterRef, Q, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from core.clock import db_now
from mailer.audience import audience
from mailer.delivery.lease import LEASE
from mailer.delivery.orphans import orphans
from mailer.delivery.sweep import SILENCE
from mailer.models import Attempt, AttemptCount, Decision, Delivery, Mailing, MailingCount

State = Delivery.State
Status = Attempt.Status

IS_ACCEPTED = Q(attempts__status=Status.SUCCESS)
BY_REPLY = IS_ACCEPTED & Q(attempts__reply_code__gte=200, attempts__reply_code__lt=300)
BY_BACKEND = IS_ACCEPTED & Q(attempts__reply_code=None) & ~Q(attempts__server_response="")  # which names the backend


@dataclass(frozen=True)
class Check:
    """One invariant: it holds where as many were found as expected."""

    name: str
    expected: int
    found: int

    @property
    def ok(self) -> bool:
        return self.expected == self.found


def audit_mailing(mailing_id: int) -> list[Check]:
    """Every invariant of the mailing, all looked at as of one moment. Raises Mailing.DoesNotExist."""
    with _one_moment():
        mailing = Mailing.objects.get(pk=mailing_id)
        by_state = Counter(dict(_deliveries(mailing).values_list("state").annotate(Count("pk"))))
        return [
            *(Check(name, 0, n) for name, n in orphans(mailing.pk)),
            *_everyone_once(mailing, by_state.total()),
            *_counted_states(mailing, by_state),
            *_counted_attempts(mailing),
            *_histories(mailing, by_state),
            _skipped(mailing, by_state),
            _open_though_closed(mailing, by_state),
        ]


@contextmanager
def _one_moment() -> Iterator[None]:
    """Let all queries see the database as of one moment, without keeping any writer waiting."""
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute("SET LOCAL work_mem = '256MB'")  # a million deliveries are added up in memory
            yield
    else:
        with connection.cursor() as cursor:  # by `atomic` it would be a writer's transaction
            cursor.execute("BEGIN DEFERRED")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")


def _deliveries(mailing: Mailing) -> QuerySet[Delivery]:
    return Delivery.objects.filter(mailing=mailing).order_by()


def _everyone_once(mailing: Mailing, total: int) -> Iterator[Check]:
    if not mailing.is_launched:
        yield Check("Deliveries before the launch", 0, total)
        return
    addresses = _deliveries(mailing).values("address_key").annotate(n=Count("pk"))
    yield Check("Addresses with more than one delivery", 0, addresses.filter(n__gt=1).count())
    if mailing.materialised_at:
        by_recipient = Delivery.objects.filter(mailing=mailing, recipient=OuterRef("pk"))
        by_address = Delivery.objects.filter(mailing=mailing, address_key=OuterRef("address_key"))
        people = audience(mailing).filter(created_at__lte=mailing.launched_at)
        left_out = people.filter(~Exists(by_recipient), ~Exists(by_address))
        yield Check("Recipients of the launch without a delivery", 0, left_out.order_by().count())


def _counted_states(mailing: Mailing, by_state: Counter[str]) -> Iterator[Check]:
    counted = MailingCount.objects.filter(mailing=mailing).order_by().values_list("state").annotate(Sum("n"))
    yield from _compared("Deliveries that are {}, by the counter", by_state, dict(counted))


def _counted_attempts(mailing: Mailing) -> Iterator[Check]:
    attempts = Attempt.objects.filter(mailing=mailing).order_by().values_list("status").annotate(Count("pk"))
    counted = AttemptCount.objects.filter(mailing=mailing).order_by().values_list("status").annotate(Sum("n"))
    yield from _compared("Attempts that are {}, by the counter", Counter(dict(attempts)), dict(counted))


def _compared(name: str, really: Counter[str], counted: dict[str, int]) -> Iterator[Check]:
    for word in sorted({*really, *counted}):
        yield Check(name.format(word), really[word], counted.get(word, 0))


def _histories(mailing: Mailing, by_state: Counter[str]) -> Iterator[Check]:
    """Each delivery's state follows from its attempts, which are complete, and no copy was made in silence."""
    made = Attempt.objects.filter(mailing=mailing).count()
    found = _with_attempts(mailing).aggregate(
        attempts=Coalesce(Sum("made"), 0),
        misnumbered=_how_many(~Q(made=F("attempt_count")) | ~Q(last=F("attempt_count"))),
        sent=_how_many(Q(state=State.SENT) & (Q(by_reply__gt=0) | Q(by_backend__gt=0) | Q(treated__gt=0))),
        hidden=_how_many(~Q(state__in=[State.SENT, State.SENDING]) & Q(accepted__gt=0)),  # in hand, it will be
        uncertain=_how_many(Q(state=State.UNCERTAIN, unknown__gt=0)),
        unlisted=_how_many(~Q(state=State.UNCERTAIN) & Q(unknown__gt=F("resent") + F("treated"))),
        failed=_how_many(Q(state=State.FAILED, refused__gt=0)),
        copies=_how_many(Q(perhaps_there__gt=1 + F("resent"))),
        misheld=_how_many(Q(state=State.SENDING, worker=None) | ~Q(state=State.SENDING) & ~Q(worker=None)),
    )
    yield Check("Attempts, each of a delivery of this mailing", made, found["attempts"])
    yield Check("Deliveries whose attempts are not numbered 1, 2, 3 …", 0, found["misnumbered"])
    yield Check(
        "Sent: an accepting reply, a backend that gives none, or a person's decision",
        by_state[State.SENT],
        found["sent"],
    )
    yield Check("Accepted, but not listed as sent", 0, found["hidden"])
    yield Check("Uncertain: an attempt of which nobody knows", by_state[State.UNCERTAIN], found["uncertain"])
    yield Check("Not known, but neither listed as uncertain nor decided by a person", 0, found["unlisted"])
    yield Check("Failed: a refusal", by_state[State.FAILED], found["failed"])
    yield Check("Mailed again though the mail may have arrived, and nobody chose that", 0, found["copies"])
    yield Check("Deliveries in nobody's hands that are sending, or the other way round", 0, found["misheld"])


def _with_attempts(mailing: Mailing) -> QuerySet[Delivery]:
    """The mailing's deliveries, each with what its attempts add up to."""

    decided = Decision.objects.filter(delivery__mailing=mailing).exists()

    def attempts(condition: Q | None = None) -> Count:
        return Count("attempts", filter=condition)

    return (
        _deliveries(mailing)
        .values("pk", "state", "attempt_count", "worker")
        .annotate(  # type: ignore[return-value]
            made=attempts(),
            last=Coalesce(Max("attempts__number"), 0),
            accepted=attempts(IS_ACCEPTED),
            by_reply=attempts(BY_REPLY),
            by_backend=attempts(BY_BACKEND),
            refused=attempts(Q(attempts__status=Status.FAILURE)),
            unknown=attempts(Q(attempts__status=Status.UNCERTAIN)),
            perhaps_there=attempts(~Q(attempts__status=Status.FAILURE)),
            resent=_decisions(Decision.Choice.RESEND) if decided else Value(0),
            treated=_decisions(Decision.Choice.TREAT_AS_SENT) if decided else Value(0),
        )
    )


def _decisions(choice: str) -> Coalesce:
    """How often a person chose this for the delivery."""
    made = Decision.objects.filter(delivery=OuterRef("pk"), choice=choice).order_by().values("delivery")
    return Coalesce(Subquery(made.annotate(n=Count("pk")).values("n")), 0)


def _how_many(condition: Q) -> Count:
    return Count("pk", filter=condition)


def _skipped(mailing: Mailing, by_state: Counter[str]) -> Check:
    with_reason = _deliveries(mailing).filter(state=State.SKIPPED).exclude(state_reason="")
    return Check("Skipped: a reason why the address is suppressed", by_state[State.SKIPPED], with_reason.count())


def _open_though_closed(mailing: Mailing, by_state: Counter[str]) -> Check:
    """A closed mailing has nothing open, but what was on the wire when it was cancelled, for as long as that takes."""
    n = 0
    if mailing.status == Mailing.Status.COMPLETED:
        n = sum(by_state[state] for state in Delivery.OPEN)
    elif mailing.status == Mailing.Status.CANCELLED:
        n = sum(by_state[state] for state in Delivery.WAITING)
        late = db_now() - SILENCE - LEASE
        n += _deliveries(mailing).filter(state=State.SENDING, worker__lease_expires_at__lt=late).count()
    return Check("Open deliveries of a closed mailing, but for those on the wire", 0, n)
