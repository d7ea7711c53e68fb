"""Search by words."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import Model, Q, QuerySet

M = TypeVar("M", bound=Model)

MOST_WORDS = 20  # databases refuse conditions without end


def matching(queryset: QuerySet[M], text: str, *fields: str) -> QuerySet[M]:
    """Those of the queryset in which every word of the text is part of one of the fields, in any capitals.

    Only the first MOST_WORDS words count.
    """
    for word in text.replace("\0", "").split()[:MOST_WORDS]:
        any_field = Q()
        for field in fields:
            any_field |= Q(**{f"{field}__icontains": word})
        queryset = queryset.filter(any_field)
    return queryset
