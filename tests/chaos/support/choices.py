"""A person's choice about what is uncertain."""

from __future__ import annotations

from core.clock import db_now
from mailer.delivery.counts import PAGES, move_counts
from mailer.models import Delivery, Mailing

State = Delivery.State


def resend_uncertain(mailing: Mailing) -> set[int]:
    """*Resend* for every uncertain delivery: the deliveries chosen.

    Stands in for the product's own action, which is to be called here as soon as there is one.
    """
    chosen = Delivery.objects.filter(mailing=mailing, state=State.UNCERTAIN)
    keys = set(chosen.values_list("pk", flat=True))
    chosen.update(state=State.QUEUED, next_attempt_at=db_now())
    move_counts(mailing.pk, PAGES, {State.UNCERTAIN: -len(keys), State.QUEUED: len(keys)})
    Mailing.objects.filter(pk=mailing.pk).update(status=Mailing.Status.SENDING)
    return keys
