"""What nobody knows of a resent delivery: whether the first copy had arrived."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Exists, OuterRef, QuerySet

from mailer.models import Attempt, Decision, Delivery


def in_doubt(mailing_ids: Iterable[int]) -> QuerySet[Delivery]:
    """Deliveries that a person chose to resend, and of which an attempt is uncertain still.

    Where such a one closes without having been tried again, or with a "not now", it is uncertain as it was before.
    """
    unknown = Attempt.objects.filter(delivery=OuterRef("pk"), status=Attempt.Status.UNCERTAIN)
    resent = _resent(mailing_ids).values("delivery")
    return Delivery.objects.filter(Exists(unknown), mailing__in=mailing_ids, pk__in=resent)


def perhaps_twice(mailing_id: int) -> QuerySet[Delivery]:
    """Deliveries with an accepted copy and another that may have arrived, because a person chose to resend."""
    copies = Attempt.objects.filter(delivery=OuterRef("delivery")).exclude(status=Attempt.Status.FAILURE)
    first = copies.filter(number=OuterRef("attempt_number"))
    second = copies.filter(number__gt=OuterRef("attempt_number"))
    accepted = copies.filter(number__gte=OuterRef("attempt_number"), status=Attempt.Status.SUCCESS)
    resent = _resent([mailing_id]).filter(Exists(first), Exists(second), Exists(accepted))
    return Delivery.objects.filter(mailing=mailing_id, pk__in=resent.values("delivery"))


def _resent(mailing_ids: Iterable[int]) -> QuerySet[Decision]:
    return Decision.objects.filter(mailing__in=mailing_ids, choice=Decision.Choice.RESEND)
