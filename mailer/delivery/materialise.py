"""Makes a launched mailing's deliveries from its audience, set by set inside the database."""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.db.models import Case, CharField, DateTimeField, F, IntegerField, Max, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Coalesce, Concat, JSONObject
from django.db.models.lookups import IsNull

from mailer.audience import audience
from mailer.delivery.counts import PAGES, move_counts
from mailer.delivery.failpoints import reach
from mailer.delivery.insert_select import insert_select
from mailer.delivery.suppression import has_any, reason_in_database
from mailer.models import Delivery, Mailing, MailingContent

State = Delivery.State

FIRST_CHUNK = 1_000
CHUNK = 5_000  # a tenth of a second or two; on SQLite claims, results and the gate wait no longer for it


def materialise_rest(mailing: Mailing, now: datetime) -> None:
    """Make all deliveries that are not there yet. The mailing's row is locked."""
    while mailing.materialised_at is None:
        materialise_chunk(mailing, now)


def materialise_chunk(mailing: Mailing, now: datetime, size: int = CHUNK) -> bool:
    """Make the next `size` deliveries in the order of the recipients' keys, and count them. Returns whether it is done.

    The mailing's row is locked. Where none are left it sets `materialised_at`. A crash in between is no harm: the next
    call goes on where the last committed one ended.
    """
    people = audience(mailing).filter(pk__gt=mailing.materialised_to).order_by("pk")
    last = people.values_list("pk", flat=True)[size - 1 : size].first()
    chunk = people if last is None else people.filter(pk__lte=last)
    before = newest_delivery()
    made = insert_select(Delivery, chunk, _values(mailing, now), holds_rows=True)
    skipped = Delivery.objects.filter(mailing=mailing, state=State.SKIPPED, pk__gt=before).count()
    move_counts(mailing.pk, PAGES, {_first_state(mailing, now): made - skipped, State.SKIPPED: skipped})
    if last is None:
        mailing.materialised_at, mailing.deliveries_to = now, newest_delivery()
    else:
        mailing.materialised_to = last
    mailing.save(update_fields=["materialised_at", "materialised_to", "deliveries_to"])
    reach("materialise.before_commit")
    return last is None


def tell_planner() -> None:
    """Let PostgreSQL learn now of a great many new rows: it looks only now and then, and plans by what it knows.

    Of a mailing that it knows nothing of, it would read every delivery, or attempt, to show the newest fifty. To look
    at the other columns, the long ones, would take six times as long.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE mailer_delivery (mailing_id, state, worker_id, next_attempt_at)")
            cursor.execute("ANALYZE mailer_attempt (mailing_id, status)")  # there are more of them all the while


def made_at_most(mailing: Mailing) -> int:
    """How many deliveries the launched mailing may have by now: as many as there are new keys."""
    return newest_delivery() - mailing.deliveries_after


def newest_delivery() -> int:
    """A key that no delivery of any mailing is above, as far as this transaction sees; 0 where there are none."""
    return Delivery.objects.aggregate(newest=Max("pk"))["newest"] or 0


def _values(mailing: Mailing, now: datetime) -> dict[str, Combinable]:
    """What each column of a new delivery is, in terms of the recipient's row."""
    return {
        "mailing_id": Value(mailing.pk, IntegerField()),
        "recipient_id": F("pk"),
        "email": F("email"),
        "address_key": F("address_key"),
        "full_name": F("full_name"),
        "merge_data": JSONObject(email="email", full_name="full_name", comment="comment"),
        "message_id": _message_id(mailing.content),
        **_state_and_reason(mailing, now),
        "attempt_count": Value(0, IntegerField()),
        "next_attempt_at": Value(now, DateTimeField()),
    }


def _message_id(content: MailingContent) -> Concat:
    """Fixed per delivery, so that a retry is the same message (RFC 5322 §3.6.4)."""
    return Concat(
        Value(f"<{content.token}."),
        Cast("pk", CharField()),
        Value(f"@{content.message_id_domain}>"),
        output_field=CharField(),
    )


def _state_and_reason(mailing: Mailing, now: datetime) -> dict[str, Combinable]:
    """Skipped, and why, where the recipient's address is suppressed."""
    state = Value(_first_state(mailing, now), CharField())
    if state.value != State.QUEUED or not has_any(mailing.owner_id):
        return {"state": state, "state_reason": Value("", CharField())}
    reason = reason_in_database(mailing.owner_id)
    return {
        "state": Case(When(IsNull(reason, True), then=state), default=Value(State.SKIPPED), output_field=CharField()),
        "state_reason": Coalesce(reason, Value(""), output_field=CharField()),
    }


def _first_state(mailing: Mailing, now: datetime) -> str:
    if mailing.status == Mailing.Status.CANCELLED:
        return State.CANCELLED
    return State.EXPIRED if mailing.ends_at <= now else State.QUEUED
