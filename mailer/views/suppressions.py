"""The suppression lists: an owner's, and for superusers the site's."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.access import EVERYBODY, SignedInRequest, owned, owns, seen, whose
from core.paging import page_by_key, within
from mailer.consent import Ground, lift
from mailer.exporting import SUPPRESSIONS, csv_file
from mailer.forms.suppressions import LiftForm, SuppressForm
from mailer.importing import UnreadableFile
from mailer.models import Suppression
from mailer.search import matching_keys
from mailer.suppression_lists import suppress_list

SITE = "site"  # beside "mine" and "everybody"
LIFTED = "lifted"  # beside the reasons in the list's filter
SHOWN = 50


def shown_list(request: SignedInRequest) -> str:
    """Which list is meant: "mine", "everybody", "site", or "" for who has no choice but their own."""
    if request.GET.get("whose") == SITE and request.user.is_superuser:
        return SITE
    return whose(request, Suppression)


def _visible(request: SignedInRequest) -> QuerySet[Suppression]:
    """With everything that a page tells of them. The site's are for superusers alone."""
    found = Suppression.objects.select_related("owner", "delivery__mailing__content", "added_by", "lifted_by")
    found = found.defer("delivery__mailing__content__body", "delivery__mailing__content__html")
    return found if request.user.is_superuser else found.exclude(owner=None)


def _found(request: SignedInRequest) -> QuerySet[Suppression]:
    """What the list shows: filtered by reason, those that hold or those lifted, and searched by address."""
    match shown_list(request):
        case "everybody":
            found = _visible(request).exclude(owner=None)
        case "site":
            found = _visible(request).filter(owner=None).order_by("owner_id")  # as `within` does
        case _:
            found = within(_visible(request), "owner_id", request.user.pk)
    reason, search = request.GET.get("reason", ""), request.GET.get("q", "")
    found = found.filter(lifted_at__isnull=reason != LIFTED)
    if reason in Suppression.Reason.values:
        found = found.filter(reason=reason)
    return matching_keys(found, search)


@require_safe
async def suppression_list(request: SignedInRequest) -> HttpResponse:
    page = await page_by_key(_found(request), request.GET.get("older"), request.GET.get("newer"))
    list_shown = shown_list(request)
    add_url = reverse("suppression_add", query={"whose": SITE} if list_shown == SITE else None)
    context = {
        "page": page,
        "search": request.GET.get("q", "").strip(),
        "reason": request.GET.get("reason", ""),
        "reasons": [*Suppression.Reason.choices, (LIFTED, gettext_lazy("Lifted"))],
        "whose": list_shown,
        "add_url": "" if list_shown == EVERYBODY else add_url,
    }
    return render(request, "mailer/suppressions/list.html", context)


@require_safe
async def export_suppressions(request: SignedInRequest) -> StreamingHttpResponse:
    """The list as it is shown, as CSV."""
    return csv_file("suppressions", _found(request).select_related(None).defer(None), SUPPRESSIONS)


@require_http_methods(["GET", "HEAD", "POST"])
async def add_suppressions(request: SignedInRequest) -> HttpResponse:
    is_site = request.GET.get("whose") == SITE
    if is_site and not request.user.is_superuser:
        raise Http404
    form = SuppressForm(initial={"pasted": request.GET.get("address", "")})
    report = None
    if request.method == "POST":
        form = SuppressForm(request.POST, request.FILES)
        if form.is_valid():
            ground = Ground(None if is_site else request.user.pk, form.given_reason, form.source, request.user)
            try:
                report = await sync_to_async(suppress_list)(ground, form.listed)
            except UnreadableFile as error:
                form.add_error("file", str(error))
            else:
                form = form if report.invalid else SuppressForm()
    context = {"form": form, "report": report, "is_site": is_site}
    return render(request, "mailer/suppressions/add.html", context)


@require_safe
async def suppression_detail(request: SignedInRequest, pk: int) -> HttpResponse:
    return await _detail(request, await seen(request, _visible(request), pk), LiftForm())


@require_POST
async def lift_suppression(request: SignedInRequest, pk: int) -> HttpResponse:
    suppression = await owned(request, _visible(request), pk)
    form = LiftForm(request.POST)
    if not form.is_valid():
        return await _detail(request, suppression, form)
    if await sync_to_async(lift)(pk, request.user, form.cleaned_data["why"]):
        messages.success(request, _("Lifted. What was skipped meanwhile stays skipped."))
    else:
        messages.info(request, _("It had been lifted already."))
    return redirect("suppression_detail", pk)


async def _detail(request: SignedInRequest, suppression: Suppression, form: LiftForm) -> HttpResponse:
    same = _visible(request).filter(owner=suppression.owner_id, address_key=suppression.address_key)
    history = [one async for one in same.order_by("-pk")[:SHOWN]]
    context = {
        "suppression": suppression,
        "history": history,
        "others": [one for one in history if one.lifted_at is None and one.pk != suppression.pk],
        "is_owned": owns(request.user, suppression),
        "form": form,
    }
    return render(request, "mailer/suppressions/detail.html", context)
