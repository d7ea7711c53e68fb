"""Who may see what: every view takes its objects from here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar

from asgiref.sync import sync_to_async
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest

from core.models import User

M = TypeVar("M", bound=Model)
P = ParamSpec("P")
T = TypeVar("T")

MINE, EVERYBODY = "mine", "everybody"


class SignedInRequest(HttpRequest):
    """A request behind SignedInMiddleware; the user's permissions are loaded."""

    user: User


class Owned(Protocol):
    @property
    def owner_id(self) -> int | None: ...


def sees_all(user: User, model: type[Model]) -> bool:
    """Whether the user may see everybody's objects of this model: a superuser, or with its view permission."""
    return user.has_perm(f"{model._meta.app_label}.view_{model._meta.model_name}")


def visible_to(user: User, queryset: QuerySet[M]) -> QuerySet[M]:
    """Those of the queryset's objects that the user may see: their own, or all."""
    return queryset if sees_all(user, queryset.model) else queryset.filter(owner=user)


def whose(request: SignedInRequest, model: type[Model]) -> str:
    """Whose objects a list is to show, by ?whose=: "mine" or "everybody", or "" for who has no choice but their own."""
    if not sees_all(request.user, model):
        return ""
    return EVERYBODY if request.GET.get("whose") == EVERYBODY else MINE


def listed(request: SignedInRequest, queryset: QuerySet[M]) -> QuerySet[M]:
    """What a list shows: the user's own objects, or everybody's where that is asked for and allowed."""
    return queryset if whose(request, queryset.model) == EVERYBODY else queryset.filter(owner=request.user)


def owns(user: User, thing: Owned) -> bool:
    """Whether the user may change and delete it: their own, or anything for a superuser."""
    return user.is_superuser or thing.owner_id == user.pk


async def owned(request: SignedInRequest, queryset: QuerySet[M], pk: Any) -> M:
    """The object with this key, if the user may change it. Raises Http404 for a stranger's as for a missing one."""
    user = request.user
    return await _found(queryset if user.is_superuser else queryset.filter(owner=user), pk)


async def seen(request: SignedInRequest, queryset: QuerySet[M], pk: Any) -> M:
    """The object with this key, if the user may see it. Raises Http404 like `owned`."""
    return await _found(visible_to(request.user, queryset), pk)


async def _found(queryset: QuerySet[M], pk: Any) -> M:
    found = await queryset.filter(pk=pk).afirst()
    if found is None:
        raise Http404
    return found


async def unless_gone(act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What the act on an object gives, done in a thread. Raises Http404 where that has been deleted meanwhile."""
    try:
        return await sync_to_async(act)(*args, **kwargs)
    except ObjectDoesNotExist as gone:
        raise Http404 from gone
