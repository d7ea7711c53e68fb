"""Search by words."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import Model, Q, QuerySet

M = TypeVar("M", bound=Model)


def matching(queryset: QuerySet[M], text: str, *fields: str) -> QuerySet[M]:
    """Those of the queryset in which every word of the text is part of one of the fields, in any capitals."""
    for word in text.replace("\0", "").split():
        any_field = Q()
        for field in fields:
            any_field |= Q(**{f"{field}__icontains": word})
        queryset = queryset.filter(any_field)
    return queryset
