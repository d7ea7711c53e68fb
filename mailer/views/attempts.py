"""The ledger of a mailing: its deliveries, and the attempts that were made."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import aget_object_or_404, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from core.access import SignedInRequest, owns, seen
from core.models import User
from core.paging import page_by_key
from mailer.delivery.choices import possible_choices
from mailer.delivery.doubt import perhaps_twice
from mailer.exporting import ATTEMPTS, DELIVERIES, csv_file
from mailer.models import Attempt, Decision, Delivery, Mailing, Suppression, attempts_of, deliveries_in, deliveries_of
from mailer.offers import Offer, offer_for
from mailer.search import matching
from mailer.stats.large import counted_lately
from mailer.stats.progress import delivery_counts

PERHAPS_TWICE = "twice"  # beside the states in the list's filter


@require_safe
async def delivery_list(request: SignedInRequest, pk: int) -> HttpResponse:
    mailing = await seen(request, Mailing.objects.select_related("message"), pk)
    state, search = request.GET.get("state", ""), request.GET.get("q", "").strip()
    deliveries = _found(mailing, state, search)
    offer = await sync_to_async(_offer)(request.user, mailing, deliveries, state, search)
    last = Attempt.objects.filter(delivery=OuterRef("pk")).order_by("-number")
    deliveries = deliveries.annotate(
        last_code=Subquery(last.values("reply_code")[:1]), last_words=Subquery(last.values("server_response")[:1])
    )
    page = await page_by_key(deliveries, request.GET.get("older"), request.GET.get("newer"))
    context = {
        "mailing": mailing,
        "page": page,
        "state": state,
        "search": search,
        "states": [*Delivery.State.choices, (PERHAPS_TWICE, _("May have arrived twice"))],
        "offer": offer,
    }
    return render(request, "mailer/mailings/deliveries.html", context)


@require_safe
async def export_deliveries(request: SignedInRequest, pk: int) -> StreamingHttpResponse:
    """The list as it is shown, as CSV."""
    mailing = await seen(request, Mailing.objects.all(), pk)
    found = _found(mailing, request.GET.get("state", ""), request.GET.get("q", "").strip())
    return csv_file(f"mailing-{pk}-deliveries", found.defer("merge_data"), DELIVERIES)


def _found(mailing: Mailing, state: str, search: str) -> QuerySet[Delivery]:
    return matching(_of_state(mailing, state), search, "email", "full_name")


def _of_state(mailing: Mailing, state: str) -> QuerySet[Delivery]:
    """The mailing's deliveries: of this state, or all where there is none of that name."""
    if state == PERHAPS_TWICE:
        return perhaps_twice(mailing.pk)
    return deliveries_in(state, mailing.pk) if state in Delivery.State.values else deliveries_of(mailing)


def _offer(user: User, mailing: Mailing, found: QuerySet[Delivery], state: str, search: str) -> Offer:
    """What the user may choose for all that are found: counted by the counters where they tell."""
    if not owns(user, mailing) or not possible_choices(mailing, state):
        return Offer()
    if search:
        n = counted_lately(f"deliveries of {mailing.pk} {state} {search}", found.count)
    else:
        n = delivery_counts([mailing.pk])[mailing.pk][state]
    return offer_for(mailing, state, found, n)


@require_safe
async def delivery_detail(request: SignedInRequest, pk: int, delivery_pk: int) -> HttpResponse:
    mailing = await seen(request, Mailing.objects.select_related("message"), pk)
    delivery = await aget_object_or_404(Delivery, mailing=mailing, pk=delivery_pk)
    attempts = [attempt async for attempt in Attempt.objects.filter(delivery=delivery).order_by("-number")]
    decisions = Decision.objects.filter(delivery=delivery).select_related("actor").order_by("-pk")
    itself = Delivery.objects.filter(pk=delivery_pk)
    context = {
        "mailing": mailing,
        "delivery": delivery,
        "attempts": attempts,
        "decisions": [decision async for decision in decisions],
        "offer": await sync_to_async(offer_for)(mailing, delivery.state, itself, 1)
        if owns(request.user, mailing)
        else Offer(),
        "suppression": await _suppression(mailing, delivery),
        "perhaps_twice": await perhaps_twice(pk).filter(pk=delivery_pk).aexists(),
    }
    return render(request, "mailer/mailings/delivery.html", context)


async def _suppression(mailing: Mailing, delivery: Delivery) -> Suppression | None:
    """The newest of the owner's that made the delivery be skipped; the site's are not theirs to see."""
    same = Suppression.objects.filter(owner=mailing.owner_id, address_key=delivery.address_key)
    return await same.filter(reason=delivery.state_reason).order_by("-pk").afirst()


@require_safe
async def attempt_list(request: SignedInRequest, pk: int) -> HttpResponse:
    mailing = await seen(request, Mailing.objects.select_related("message"), pk)
    status = request.GET.get("status", "")
    attempts = _attempts_with(status, pk).prefetch_related("delivery")  # a join may be planned badly
    page = await page_by_key(attempts, request.GET.get("older"), request.GET.get("newer"))
    context = {"mailing": mailing, "page": page, "status": status, "statuses": Attempt.Status.choices}
    return render(request, "mailer/mailings/attempts.html", context)


@require_safe
async def export_attempts(request: SignedInRequest, pk: int) -> StreamingHttpResponse:
    """The list as it is shown, as CSV."""
    await seen(request, Mailing.objects.all(), pk)
    return csv_file(f"mailing-{pk}-attempts", _attempts_with(request.GET.get("status", ""), pk), ATTEMPTS)


def _attempts_with(status: str, mailing_id: int) -> QuerySet[Attempt]:
    """The mailing's attempts: with this status, or all where there is none of that name."""
    attempts = attempts_of(mailing_id)
    return attempts.filter(status=status) if status in Attempt.Status.values else attempts
