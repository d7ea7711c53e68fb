"""How fast mail may go: a mailing's own limit, for its owner, and the site's, for superusers."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from core.access import SignedInRequest, owned, unless_gone
from mailer.forms.rates import RateForm
from mailer.history import Happening, happening
from mailer.models import AuditEntry, Mailing
from mailer.throttling import ACTION, held_to, set_rate, site_rate

SHOWN_CHANGES = 30


@require_http_methods(["GET", "HEAD", "POST"])
async def mailing_rate(request: SignedInRequest, pk: int) -> HttpResponse:
    mailing = await owned(request, Mailing.objects.select_related("message"), pk)
    limits = await sync_to_async(held_to)(pk)
    form = RateForm(request.POST if request.method == "POST" else None, rate=limits.own)
    if form.is_valid():
        await unless_gone(set_rate, request.user, form.rate, mailing)
        return redirect("mailing_detail", pk)
    return render(request, "mailer/mailings/rate.html", {"form": form, "mailing": mailing, "limits": limits})


@require_http_methods(["GET", "HEAD", "POST"])
async def site_rate_page(request: SignedInRequest) -> HttpResponse:
    if not request.user.is_superuser:
        raise Http404
    rate = await sync_to_async(site_rate)()
    form = RateForm(request.POST if request.method == "POST" else None, rate=rate)
    if form.is_valid():
        await sync_to_async(set_rate)(request.user, form.rate, None)
        messages.success(request, _("Saved."))
        return redirect("site_rate")
    return render(request, "mailer/site_rate.html", {"form": form, "history": await sync_to_async(_changes)()})


def _changes() -> list[Happening]:
    entries = AuditEntry.objects.filter(action=ACTION, mailing=None).select_related("actor").order_by("-pk")
    return [happening(entry) for entry in entries[:SHOWN_CHANGES]]
