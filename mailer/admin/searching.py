"""Search among a million rows: by what an index leads to, or not at all."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from mailer.addresses import address_key
from mailer.models import Delivery, Mailing

ADDRESS_OR_MAILING = _("A whole email address, or the number of a mailing. No more than 10,000 are counted and paged.")


def deliveries_found(deliveries: QuerySet[Delivery], term: str) -> QuerySet[Delivery]:
    """The deliveries to this address, or those of the mailing with this number."""
    if (number := number_in(term)) is not None:
        return deliveries.filter(mailing=number)
    # By way of the mailings: the index of addresses begins with them.
    return with_address(deliveries.filter(mailing__in=Mailing.objects.values("pk")), term)


def with_address(queryset: QuerySet[Any], term: str) -> QuerySet[Any]:
    return queryset.filter(address_key=address_key(term)) if "@" in term else queryset.none()


def number_in(term: str) -> int | None:
    """The number that was typed, like 12 or #12."""
    digits = term.strip().removeprefix("#")
    return int(digits) if digits.isdecimal() and len(digits) < 19 else None
