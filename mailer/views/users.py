"""The users page: who has an account, and what managers may do to it."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib import messages
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import aget_object_or_404, redirect, render
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_POST, require_safe

from core.access import SignedInRequest
from core.models import User
from core.paging import page_by_key
from core.people import ACTS, ActRefused, change_user, is_manager, is_trusted, possible_acts
from mailer.history import happening
from mailer.models import AuditEntry, Mailing
from mailer.search import matching

SHOWN = 30

PERMISSIONS = {"allow": "core.allow_user", "block": "core.block_user", "unblock": "core.block_user"}
DONE = {
    "allow": _("%(user)s may send without the cap of new accounts."),
    "block": _("%(user)s is blocked: signed out everywhere, and what was under way is paused."),
    "unblock": _("%(user)s may sign in again. Paused mailings wait to be resumed."),
}
NEW, BLOCKED = "new", "blocked"
KINDS = {NEW: _("New accounts"), BLOCKED: pgettext_lazy("accounts", "Blocked")}


@require_safe
async def user_list(request: SignedInRequest) -> HttpResponse:
    _refuse_without(request.user, "core.view_user")
    search, kind = request.GET.get("q", "").strip(), request.GET.get("kind", "")
    found = matching(_of_kind(_described(User.objects.all()), kind), search, "email", "full_name")
    page = await page_by_key(found, request.GET.get("older"), request.GET.get("newer"))
    context = {"page": page, "search": search, "kind": kind, "kinds": KINDS.items()}
    return render(request, "mailer/users/list.html", context)


@require_safe
async def user_detail(request: SignedInRequest, pk: int) -> HttpResponse:
    _refuse_without(request.user, "core.view_user")
    shown = await aget_object_or_404(_described(User.objects.all()), pk=pk)
    return render(request, "mailer/users/detail.html", await sync_to_async(_detail)(request.user, shown))


@require_POST
async def act_on_user(request: SignedInRequest, pk: int, act: str) -> HttpResponse:
    if act not in ACTS:
        raise Http404
    _refuse_without(request.user, PERMISSIONS[act])
    try:
        changed = await sync_to_async(change_user)(pk, act, request.user)
    except User.DoesNotExist as error:
        raise Http404 from error
    except ActRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, DONE[act] % {"user": changed})
    return redirect("user_detail", pk)


def _refuse_without(user: User, permission: str) -> None:
    if not user.has_perm(permission):
        raise Http404


def _described(users: QuerySet[User]) -> QuerySet[User]:
    """With what tells the accounts apart."""
    trusted = User.objects.filter(is_trusted(), pk=OuterRef("pk"))
    return users.annotate(is_manager=is_manager(), is_new=~Exists(trusted))


def _of_kind(users: QuerySet[User], kind: str) -> QuerySet[User]:
    if kind == BLOCKED:
        return users.filter(is_active=False)
    return users.exclude(is_trusted()) if kind == NEW else users


def _detail(viewer: User, shown: User) -> dict[str, Any]:
    """What the page shows, read in one go."""
    audit = AuditEntry.objects.filter(user=shown).select_related("actor").order_by("-pk")
    mailings = Mailing.objects.filter(owner=shown).select_related("message").order_by("-pk")
    return {
        "shown": shown,
        "acts": [act for act in possible_acts(shown) if viewer.has_perm(PERMISSIONS[act])],
        "history": [happening(entry) for entry in audit[:SHOWN]],
        "mailings": list(mailings[:SHOWN]) if viewer.has_perm("mailer.view_mailing") else [],
        "cap": settings.NEW_ACCOUNT_DAILY_CAP,
        "requires_approval": settings.SENDING_REQUIRES_APPROVAL,
    }
