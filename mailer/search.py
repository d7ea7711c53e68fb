"""Search by words."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import Model, Q, QuerySet

from mailer.addresses import parts_of_keys

M = TypeVar("M", bound=Model)

MOST_WORDS = 20  # databases refuse conditions without end


def matching(queryset: QuerySet[M], text: str, *fields: str) -> QuerySet[M]:
    """Those of the queryset in which every word of the text is part of one of the fields, in any capitals.

    Only the first MOST_WORDS words count.
    """
    for word in _words(text):
        any_field = Q()
        for field in fields:
            any_field |= Q(**{f"{field}__icontains": word})
        queryset = queryset.filter(any_field)
    return queryset


def matching_keys(queryset: QuerySet[M], text: str) -> QuerySet[M]:
    """Those in whose `address_key` every word of the text is found, in the spelling of keys; as many words count."""
    for word in _words(text):
        any_spelling = Q()
        for part in parts_of_keys(word):
            any_spelling |= Q(address_key__contains=part)
        queryset = queryset.filter(any_spelling)
    return queryset


def _words(text: str) -> list[str]:
    return text.replace("\0", "").split()[:MOST_WORDS]
