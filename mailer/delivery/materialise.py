"""Makes a launched mailing's deliveries from its audience, set by set inside the database."""

from __future__ import annotations

from datetime import datetime

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
CHUNK = 20_000  # about half a second; claims and the gate wait no longer for it


def materialise_rest(mailing: Mailing, now: datetime) -> None:
    """Make all deliveries that are not there yet. The mailing's row is locked."""
    while mailing.materialised_at is None:
        materialise_chunk(mailing, now)


def materialise_chunk(mailing: Mailing, now: datetime, size: int = CHUNK) -> None:
    """Make the next `size` deliveries in the order of the recipients' keys, and count them.

    The mailing's row is locked. Where none are left it sets `materialised_at`. A crash in between is no harm: the next
    call goes on where the last committed one ended.
    """
    last = Delivery.objects.filter(mailing=mailing).aggregate(last=Max("recipient_id"))["last"] or 0
    people = audience(mailing).filter(pk__gt=last).order_by("pk")
    keys = list(people.values_list("pk", flat=True)[:size])
    if keys:
        made = insert_select(Delivery, people.filter(pk__lte=keys[-1]), _values(mailing, now))
        chunk = Delivery.objects.filter(mailing=mailing, recipient__gt=last, recipient__lte=keys[-1])
        skipped = chunk.filter(state=State.SKIPPED).count()
        move_counts(mailing.pk, PAGES, {_first_state(mailing, now): made - skipped, State.SKIPPED: skipped})
    if len(keys) < size:
        mailing.materialised_at = now
    mailing.save(update_fields=["materialised_at"])
    reach("materialise.before_commit")


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
