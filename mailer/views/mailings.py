"""Mailings: their list, their forms, their page, and the acts that change their status."""

from __future__ import annotations

from email.utils import parseaddr
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.access import SignedInRequest, listed, owned, owns, seen, unless_gone, whose
from core.clock import db_now
from core.forms.editing import owned_unless_gone
from core.models import User
from core.paging import page_by_key
from mailer.audience import audience_size, choose
from mailer.delivery.choices import last_decision
from mailer.delivery.transitions import (
    PERSONS_ACTIONS,
    TransitionRefused,
    available_actions,
    change_status,
    refusal,
)
from mailer.durations import duration_formats
from mailer.forms.mailings import DEFAULT_WINDOW, EDITABLE, MailingForm
from mailer.forms.rates import RateForm
from mailer.history import happening
from mailer.locks import locked_mailing, locked_message
from mailer.models import Attempt, AuditEntry, Delivery, Mailing, Message, deliveries_in
from mailer.not_sent import not_sent
from mailer.offers import Offer, offer_for
from mailer.own_words import ENGINE
from mailer.search import matching
from mailer.senders import sender
from mailer.stats.attempts import newest_attempts
from mailer.stats.progress import Progress, delivery_counts, mailing_progress
from mailer.throttling import held_to, set_rate
from mailer.views.preflight import BEFORE_TAKE_OFF, preflight_page

SHOWN_AUDIT_ENTRIES = 30
STOPPING = ("pause", "cancel")  # what managers may do to anybody's


@require_safe
async def mailing_list(request: SignedInRequest) -> HttpResponse:
    search, status = request.GET.get("q", "").strip(), request.GET.get("status", "")
    described = Mailing.objects.select_related("message", "owner").defer("message__body", "message__alternative")
    mailings = listed(request, described)
    if status in Mailing.Status.values:
        mailings = mailings.filter(status=status)
    found = matching(mailings, search, "message__subject")
    page = await page_by_key(found, request.GET.get("older"), request.GET.get("newer"))
    counts = await sync_to_async(delivery_counts)([mailing.pk for mailing in page.rows])
    rows = [(mailing, segments(counts[mailing.pk])) for mailing in page.rows]
    context = {
        "page": page,
        "rows": rows,
        "search": search,
        "status": status,
        "statuses": Mailing.Status.choices,
        "whose": whose(request, Mailing),
    }
    return render(request, "mailer/mailings/list.html", context)


Segments = list[tuple[str, str, int]]


def segments(counts: dict[str, int]) -> Segments:
    """Of each state that a bar shows: its name, its label and how many there are."""
    return [(state, str(Delivery.State(state).label), counts[state]) for state in _IN_A_BAR]


# What is settled comes first, what waits last, so that the bar fills from the left.
_IN_A_BAR = ("sent", "failed", "uncertain", "skipped", "expired", "cancelled", "deferred", "sending", "queued")


@require_http_methods(["GET", "HEAD", "POST"])
async def create_mailing(request: SignedInRequest) -> HttpResponse:
    mailing = Mailing(owner=request.user)
    chosen = request.GET.get("message", "")
    if chosen.isdecimal():
        mailing.message = await owned(request, Message.objects.filter(owner=request.user), chosen[:18])
    return await _edit(request, mailing)


@require_http_methods(["GET", "HEAD", "POST"])
async def edit_mailing(request: SignedInRequest, pk: int) -> HttpResponse:
    mailing = await owned_unless_gone(request, Mailing.objects.select_related("owner"), pk)
    if mailing is not None and mailing.status not in EDITABLE and request.method != "POST":
        messages.error(request, _("This mailing has been launched: it can't be edited any more."))
        return redirect("mailing_detail", pk)
    return await _edit(request, mailing or Mailing(owner=request.user), is_gone=mailing is None)


async def _edit(request: SignedInRequest, mailing: Mailing, *, is_gone: bool = False) -> HttpResponse:
    is_new = mailing.pk is None

    def handle() -> tuple[MailingForm, bool]:
        data = request.POST if request.method == "POST" else None
        form = MailingForm(request.user, data, instance=mailing, is_gone=is_gone)
        with transaction.atomic():
            is_saved = form.is_bound and form.is_valid() and bool(form.save())
        return form, is_saved

    form, is_saved = await sync_to_async(handle)()
    if not is_saved:
        has_messages = await Message.objects.filter(owner=mailing.owner_id).aexists()
        context = {
            "form": form,
            "mailing": mailing,
            "is_new": is_new or form.is_offered_as_new,
            "has_messages": has_messages,
            "zone": timezone.get_current_timezone_name(),
        }
        return render(request, "mailer/mailings/form.html", context, status=409 if form.has_conflict else 200)
    for moment in form.times_that_happen_twice():
        messages.warning(
            request, _("The clocks show %(time)s twice that night: the first is meant.") % {"time": moment}
        )
    return redirect("mailing_detail" if mailing.everyone else "mailing_audience", mailing.pk)


@require_http_methods(["GET", "HEAD", "POST"])
async def delete_mailing(request: SignedInRequest, pk: int) -> HttpResponse:
    mailing = await owned(request, Mailing.objects.select_related("message"), pk)
    if request.method == "POST" and await unless_gone(_delete_unless_launched, pk):
        messages.success(request, _("Deleted."))
        return redirect("mailing_list")
    if mailing.is_launched or request.method == "POST":
        consequences = [_("It has been launched: what was sent, to whom and with which answer stays in the ledger.")]
    else:
        consequences = [_("The draft goes for good. Its message and its recipients stay.")]
    context = {
        "question": _("Delete the mailing “%(subject)s”?") % {"subject": mailing.message},
        "consequences": consequences,
        "refused": mailing.is_launched,
        "back_url": reverse("mailing_detail", args=[pk]),
    }
    return render(request, "_confirm_delete.html", context, status=409 if request.method == "POST" else 200)


@transaction.atomic
def _delete_unless_launched(pk: int) -> bool:
    mailing = locked_mailing(pk)
    if not mailing.is_launched:
        mailing.delete()
    return not mailing.is_launched


@require_POST
async def duplicate_mailing(request: SignedInRequest, pk: int) -> HttpResponse:
    await owned(request, Mailing.objects.all(), pk)
    copy = await unless_gone(_duplicate, pk, request.user)
    messages.success(request, _("This is the copy: a draft with the same message and audience."))
    return redirect("mailing_detail", copy.pk)


@transaction.atomic
def _duplicate(pk: int, actor: User) -> Mailing:
    original = Mailing.objects.get(pk=pk)
    locked_message(original.message_id)
    now = db_now()
    copy = Mailing.objects.create(
        owner_id=original.owner_id,
        message_id=original.message_id,
        everyone=original.everyone,
        from_name=original.from_name,
        from_address=original.from_address,
        reply_to=original.reply_to,
        starts_at=now,
        ends_at=now + DEFAULT_WINDOW,
    )
    choose(copy.pk, original.recipients.all())
    set_rate(actor, held_to(original.pk).own, copy)
    return copy


@require_safe
async def mailing_detail(request: SignedInRequest, pk: int) -> HttpResponse:
    mailing = await seen(request, Mailing.objects.select_related("message", "owner"), pk)
    return render(request, "mailer/mailings/detail.html", await sync_to_async(_detail)(request.user, mailing))


def _detail(user: User, mailing: Mailing) -> dict[str, Any]:
    """What the page shows, read in one go."""
    progress = mailing_progress(mailing.pk)
    ended = mailing.ends_at <= db_now()
    actions = [action for action in available_actions(mailing) if _may(user, action, mailing)]
    audit = AuditEntry.objects.filter(mailing=mailing).select_related("actor").order_by("-pk")
    size = None if mailing.is_launched else audience_size(mailing)
    return {
        "mailing": mailing,
        "is_owned": owns(user, mailing),
        "subject": (mailing.is_launched and mailing.content.subject) or mailing.message,
        "progress": progress,
        "segments": segments(progress.counts),
        "attempts": newest_attempts(mailing.pk),
        "audience_size": size,
        "pace": _pace(user, mailing, progress, size),
        "sender": _sender(mailing),
        "actions": actions,
        "asks_for_end": ended and "start" in actions,
        "not_sent": _not_sent(user, mailing, progress, ended) if mailing.is_launched else None,
        "zone": timezone.get_current_timezone_name(),
        "history": [happening(entry) for entry in audit[:SHOWN_AUDIT_ENTRIES]],
        "labels": dict(Attempt.Status.choices),
        "durations": duration_formats(),
        "phrases": ENGINE.for_scripts(),
    }


def _sender(mailing: Mailing) -> tuple[str, str]:
    """Name and address from which it goes out; of a launched one those that were frozen."""
    if mailing.is_launched:
        return parseaddr(mailing.content.from_email)
    return parseaddr(sender(mailing.from_name, mailing.from_address))


def _pace(user: User, mailing: Mailing, progress: Progress, to_mail: int | None) -> dict[str, Any]:
    """The limits that it is under, how long it takes at that rate, and the form that changes its own.

    While it is sending its page tells the time that is left, and keeps it right.
    """
    limits = held_to(mailing.pk)
    to_go = progress.open if to_mail is None else to_mail
    is_sending = mailing.status == Mailing.Status.SENDING
    may_change = owns(user, mailing) and (is_sending or mailing.status == Mailing.Status.PAUSED)
    return {
        "limits": limits,
        "seconds": limits.rate.seconds_for(to_go) if limits.rate and not is_sending else None,
        "form": RateForm(rate=limits.own) if may_change else None,
    }


def _not_sent(user: User, mailing: Mailing, progress: Progress, ended: bool) -> dict[str, Any]:
    """What the page says of what was not sent, or is not known, with what its owner may choose."""
    found = not_sent(mailing.pk, progress.counts)
    may_choose = owns(user, mailing)
    return {
        "found": found,
        "rows": [
            (state, n, offer_for(mailing, state, deliveries_in(state, mailing.pk), n) if may_choose else Offer())
            for state, n in found.counts.items()
        ],
        "seen": last_decision(mailing.pk),
        "asks_first": ended,  # for a new end
    }


def _may(user: User, action: str, mailing: Mailing) -> bool:
    """Whether the user may do this to a mailing that they see."""
    return owns(user, mailing) or (action in STOPPING and user.has_perm("mailer.stop_mailing"))


@require_http_methods(["GET", "HEAD", "POST"])
async def change_mailing_status(request: SignedInRequest, pk: int, action: str) -> HttpResponse:
    """POST does it. GET asks first; before a mailing goes out, with all that there is to know about it."""
    mailing = await seen(request, Mailing.objects.select_related("message", "owner"), pk)
    if action not in PERSONS_ACTIONS or not _may(request.user, action, mailing):
        raise Http404
    refused = refusal(mailing, action)
    if action in BEFORE_TAKE_OFF and not refused:
        return await preflight_page(request, mailing, action)
    if request.method != "POST":
        progress = await sync_to_async(mailing_progress)(pk)
        context = {"mailing": mailing, "action": action, "refused": refused, "progress": progress}
        return render(request, "mailer/mailings/confirm.html", context)
    try:
        await unless_gone(change_status, pk, action, request.user)
    except TransitionRefused as error:
        messages.error(request, str(error))
    return redirect("mailing_detail", pk)
