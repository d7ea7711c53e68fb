"""The ledger of a mailing: its deliveries, and the attempts that were made."""

from __future__ import annotations

from django.db.models import OuterRef, Subquery
from django.http import HttpResponse
from django.shortcuts import aget_object_or_404, render
from django.views.decorators.http import require_safe

from core.access import SignedInRequest, seen
from core.paging import page_by_key
from mailer.models import Attempt, Delivery, Mailing
from mailer.search import matching


@require_safe
async def delivery_list(request: SignedInRequest, pk: int) -> HttpResponse:
    mailing = await seen(request, Mailing.objects.select_related("message"), pk)
    state, search = request.GET.get("state", ""), request.GET.get("q", "").strip()
    deliveries = matching(Delivery.objects.filter(mailing=mailing), search, "email", "full_name")
    if state in Delivery.State.values:
        deliveries = deliveries.filter(state=state)
    last = Attempt.objects.filter(delivery=OuterRef("pk")).order_by("-number")
    deliveries = deliveries.annotate(
        last_code=Subquery(last.values("reply_code")[:1]), last_words=Subquery(last.values("server_response")[:1])
    )
    page = await page_by_key(deliveries, request.GET.get("older"), request.GET.get("newer"))
    context = {"mailing": mailing, "page": page, "state": state, "search": search, "states": Delivery.State.choices}
    return render(request, "mailer/mailings/deliveries.html", context)


@require_safe
async def delivery_detail(request: SignedInRequest, pk: int, delivery_pk: int) -> HttpResponse:
    mailing = await seen(request, Mailing.objects.select_related("message"), pk)
    delivery = await aget_object_or_404(Delivery, mailing=mailing, pk=delivery_pk)
    attempts = [attempt async for attempt in Attempt.objects.filter(delivery=delivery).order_by("-number")]
    context = {"mailing": mailing, "delivery": delivery, "attempts": attempts}
    return render(request, "mailer/mailings/delivery.html", context)


@require_safe
async def attempt_list(request: SignedInRequest, pk: int) -> HttpResponse:
    mailing = await seen(request, Mailing.objects.select_related("message"), pk)
    status = request.GET.get("status", "")
    attempts = Attempt.objects.filter(mailing=mailing).select_related("delivery")
    if status in Attempt.Status.values:
        attempts = attempts.filter(status=status)
    page = await page_by_key(attempts, request.GET.get("older"), request.GET.get("newer"))
    context = {"mailing": mailing, "page": page, "status": status, "statuses": Attempt.Status.choices}
    return render(request, "mailer/mailings/attempts.html", context)
