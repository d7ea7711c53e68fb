"""Whom a mailing goes to."""

from __future__ import annotations

from django.db.models import F, QuerySet, Value

from mailer.delivery.insert_select import insert_select
from mailer.models import Mailing, Recipient
from mailer.stats.large import counted_lately


def audience(mailing: Mailing) -> QuerySet[Recipient]:
    """The mailing's recipients: all of its owner's, or those chosen by hand."""
    return Recipient.objects.filter(owner=mailing.owner_id) if mailing.everyone else mailing.recipients.all()


def choose(mailing_id: int, recipients: QuerySet[Recipient]) -> int:
    """Choose these recipients for the mailing, inside a transaction. Returns how many are new."""
    return insert_select(
        Mailing.recipients.through,
        recipients,
        {"mailing_id": Value(mailing_id), "recipient_id": F("pk")},
        holds_rows=True,
    )


def audience_size(mailing: Mailing) -> int:
    """How many they are; of a great many, how many they were some seconds ago."""
    return counted_lately(audience_name(mailing), audience(mailing).count)


def audience_name(mailing: Mailing) -> str:
    """Under which its size is kept."""
    return f"audience of {mailing.pk} {mailing.everyone}"
