"""Whom a mailing goes to."""

from __future__ import annotations

from django.db.models import QuerySet

from mailer.models import Mailing, Recipient


def audience(mailing: Mailing) -> QuerySet[Recipient]:
    """The mailing's recipients: all of its owner's, or those chosen by hand."""
    return Recipient.objects.filter(owner=mailing.owner_id) if mailing.everyone else mailing.recipients.all()
