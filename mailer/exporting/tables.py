"""What is written of each kind of row. The words are the ledger's own, in whatever language its reader has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, OuterRef, Subquery

from mailer.exporting.cells import Cell
from mailer.models import Attempt, Delivery, Recipient, Suppression

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Table(Generic[M]):
    """The columns' names, and for some rows at a time their lines, as many cells in each."""

    columns: tuple[str, ...]
    lines: Callable[[Sequence[M]], Iterable[Sequence[Cell]]]


def _suppressions(rows: Sequence[Suppression]) -> Iterable[Sequence[Cell]]:
    for row in rows:
        yield row.address_key, row.reason, row.source, row.created_at, row.lifted_at, row.lift_reason


def _recipients(rows: Sequence[Recipient]) -> Iterable[Sequence[Cell]]:
    for row in rows:
        yield row.email, row.full_name, row.comment


def _deliveries(rows: Sequence[Delivery]) -> Iterable[Sequence[Cell]]:
    """Each with what its last attempt came to."""
    last_of = {attempt.delivery_id: attempt for attempt in _last_attempts(rows)}
    for row in rows:
        next_try = row.next_attempt_at if row.state == Delivery.State.DEFERRED else None
        told = row.email, row.full_name, row.state, row.state_reason, row.attempt_count, next_try, row.message_id
        last = last_of.get(row.pk)
        yield *told, *((last.finished_at, *_reply(last)) if last else ("",) * 4)


def _last_attempts(deliveries: Sequence[Delivery]) -> Iterable[Attempt]:
    """Theirs alone: a delivery that is deferred for days may have had hundreds."""
    newest = Attempt.objects.filter(delivery=OuterRef("pk")).order_by("-number").values("pk")[:1]
    keys = Delivery.objects.filter(pk__in=[one.pk for one in deliveries]).values_list(Subquery(newest), flat=True)
    return Attempt.objects.filter(pk__in=[key for key in keys if key is not None])


def _attempts(rows: Sequence[Attempt]) -> Iterable[Sequence[Cell]]:
    deliveries = Delivery.objects.filter(pk__in={row.delivery_id for row in rows})
    address_of = dict(deliveries.values_list("pk", "email"))
    for row in rows:
        address, when = address_of.get(row.delivery_id), (row.started_at, row.finished_at)
        yield row.number, address, *when, row.status, *_reply(row), row.evidence, row.resolved_at


def _reply(attempt: Attempt) -> tuple[int | None, str, str]:
    return attempt.reply_code, attempt.enhanced_code, attempt.server_response


REPLY = ("reply code", "enhanced status code", "server response")
SUPPRESSIONS = Table(("email", "reason", "source", "since", "lifted", "why lifted"), _suppressions)
RECIPIENTS = Table(("email", "full_name", "comment"), _recipients)  # as the import takes them
DELIVERIES = Table(
    ("email", "full name", "state", "reason", "attempts", "next attempt", "Message-ID", "last attempt", *REPLY),
    _deliveries,
)
ATTEMPTS = Table(("number", "email", "started", "finished", "status", *REPLY, "evidence", "settled"), _attempts)
