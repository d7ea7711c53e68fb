"""The page before a mailing goes out, and the groups of people that it tells of."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from core.access import SignedInRequest, seen, unless_gone
from core.paging import page_by_key
from mailer.delivery.transitions import TransitionRefused, change_status
from mailer.forms.mailings import EDITABLE, NewEndForm
from mailer.locks import locked_mailing, locked_message
from mailer.models import Mailing, Recipient
from mailer.preflight.content import complaints_about
from mailer.preflight.crowd import EMPTY, group_of
from mailer.preflight.report import preflight
from mailer.skipped import why_skipped

BEFORE_TAKE_OFF = ("start", "schedule")


async def preflight_page(request: SignedInRequest, mailing: Mailing, action: str) -> HttpResponse:
    """POST does it, unless something is in the way. The mailing has its message and its owner loaded."""
    form = NewEndForm(request.POST if "ends_at" in request.POST else None)
    if request.method == "POST" and await unless_gone(_take_off, request, mailing, action, form):
        return redirect("mailing_detail", mailing.pk)
    context = await sync_to_async(_context)(mailing, action, form)
    return render(request, "mailer/mailings/preflight.html", context, status=409 if request.method == "POST" else 200)


@transaction.atomic
def _take_off(request: SignedInRequest, mailing: Mailing, action: str, form: NewEndForm) -> bool:
    """Whether the page has nothing to say any more. What is looked at stays as it is until the mailing has gone."""
    if form.is_bound and not form.is_valid():
        return False
    mailing.message = locked_message(locked_mailing(mailing.pk).message_id)
    if complaints_about(mailing.message):
        return False
    try:
        ends_at = form.cleaned_data["ends_at"] if form.is_bound else None
        change_status(mailing.pk, action, request.user, ends_at=ends_at)
    except TransitionRefused as refused:
        messages.error(request, str(refused))
    return True


def _context(mailing: Mailing, action: str, form: NewEndForm) -> dict[str, Any]:
    found = preflight(mailing, action)
    return {
        "mailing": mailing,
        "action": action,
        "found": found,
        "new_end": form if found.has_ended and action == "start" else None,
        "zone": timezone.get_current_timezone_name(),
    }


@require_safe
async def mailing_people(request: SignedInRequest, pk: int) -> HttpResponse:
    """The recipients in one of the groups, by ?group=."""
    mailing = await seen(request, Mailing.objects.select_related("message", "owner"), pk)
    if mailing.status not in EDITABLE:
        return redirect("delivery_list", pk)
    group = request.GET.get("group", "")
    found: QuerySet[Recipient] | None = group_of(mailing, group)
    if found is None:
        raise Http404
    context = {
        "mailing": mailing,
        "group": group,
        "field": _field(group.removeprefix(EMPTY)) if group.startswith(EMPTY) else "",
        "why": why_skipped(group),
        "page": await page_by_key(found, request.GET.get("older"), request.GET.get("newer")),
    }
    return render(request, "mailer/mailings/people.html", context)


def _field(name: str) -> str:
    """What people call the recipients' field."""
    return str(getattr(Recipient._meta.get_field(name), "verbose_name", name))
