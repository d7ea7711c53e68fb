"""Who may see what: every view takes its objects from here."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest

from core.models import User

M = TypeVar("M", bound=Model)


class SignedInRequest(HttpRequest):
    """A request behind LoginRequiredMiddleware."""

    user: User


def visible_to(user: User, queryset: QuerySet[M]) -> QuerySet[M]:
    """Those of the queryset's objects that the user may see: their own, or all for a superuser."""
    return queryset if user.is_superuser else queryset.filter(owner=user)


async def owned(request: SignedInRequest, queryset: QuerySet[M], pk: Any) -> M:
    """The object with this key, if the user may see it. Raises Http404 for a stranger's as for a missing one."""
    found = await visible_to(request.user, queryset).filter(pk=pk).afirst()
    if found is None:
        raise Http404
    return found
