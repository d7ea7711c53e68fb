"""Whom a mailing to chosen recipients goes to: found by search, added and taken out in sets."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import BadRequest
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from core.access import SignedInRequest, owned, unless_gone
from core.paging import page_by_key
from mailer.audience import audience_name, audience_size, choose
from mailer.forms.mailings import EDITABLE
from mailer.locks import locked_mailing
from mailer.models import Mailing, Recipient, recipients_of
from mailer.search import matching
from mailer.stats.large import counted_lately, forget_count

Through = Mailing.recipients.through
DONE = "done"
ACTS = (DONE, "add", "add_all", "remove", "remove_all")


@require_http_methods(["GET", "HEAD", "POST"])
async def mailing_audience(request: SignedInRequest, pk: int) -> HttpResponse:
    mailing = await owned(request, Mailing.objects.select_related("message"), pk)
    if mailing.status not in EDITABLE or mailing.everyone:
        return redirect("mailing_detail", pk)
    search, only_chosen = request.GET.get("q", "").strip(), "chosen" in request.GET
    found = _found(mailing, search, only_chosen)
    if request.method == "POST":
        may_leave = await _change(request, mailing, found)
        forget_count(audience_name(mailing))
        forget_count(_found_name(mailing, search, only_chosen))
        return redirect("mailing_detail", pk) if may_leave else redirect(request.get_full_path())
    is_chosen = Through.objects.filter(mailing=mailing, recipient=OuterRef("pk"))
    page = await page_by_key(
        found.annotate(is_chosen=Exists(is_chosen)), request.GET.get("older"), request.GET.get("newer")
    )
    context = {
        "mailing": mailing,
        "page": page,
        "search": search,
        "only_chosen": only_chosen,
        "found_count": await sync_to_async(counted_lately)(_found_name(mailing, search, only_chosen), found.count),
        "chosen_count": await sync_to_async(audience_size)(mailing),
    }
    return render(request, "mailer/mailings/audience.html", context)


def _found_name(mailing: Mailing, search: str, only_chosen: bool) -> str:
    return f"found for {mailing.pk} {only_chosen} {search}"


def _found(mailing: Mailing, search: str, only_chosen: bool) -> QuerySet[Recipient]:
    chosen = Recipient.objects.filter(owner=mailing.owner_id, mailings=mailing)
    recipients = chosen if only_chosen else recipients_of(mailing.owner_id)
    return matching(recipients, search, "email", "full_name", "comment")


async def _change(request: SignedInRequest, mailing: Mailing, found: QuerySet[Recipient]) -> bool:
    """Do what was asked for; *Done* adds those ticked too. Returns whether it was that, and no tick was in vain."""
    act = request.POST.get("act", "")
    if act not in ACTS:
        raise BadRequest
    ticked = [int(key) for key in request.POST.getlist("recipient") if key.isdecimal() and len(key) < 19]
    if not ticked and not act.endswith("_all"):
        if act != DONE:
            messages.error(request, _("Nobody is ticked."))
        return act == DONE
    meant = found if act.endswith("_all") else found.filter(pk__in=ticked)
    change = _remove if act.startswith("remove") else _add
    n = await unless_gone(change, mailing.pk, meant)
    if n is None:
        messages.error(request, _("This mailing has been launched meanwhile: its audience is fixed."))
    elif change is _add:
        messages.success(request, ngettext("%(n)s recipient added.", "%(n)s recipients added.", n) % {"n": intcomma(n)})
    else:
        taken_out = ngettext("%(n)s recipient taken out.", "%(n)s recipients taken out.", n) % {"n": intcomma(n)}
        messages.success(request, taken_out)
    return act == DONE and n != 0


@transaction.atomic
def _add(mailing_id: int, recipients: QuerySet[Recipient]) -> int | None:
    """How many came in, or None where the mailing has been launched."""
    if locked_mailing(mailing_id).status not in EDITABLE:
        return None
    return choose(mailing_id, recipients.exclude(mailings=mailing_id))


@transaction.atomic
def _remove(mailing_id: int, recipients: QuerySet[Recipient]) -> int | None:
    """How many went out, or None where the mailing has been launched."""
    if locked_mailing(mailing_id).status not in EDITABLE:
        return None
    removed, _by_model = Through.objects.filter(mailing=mailing_id, recipient__in=recipients.values("pk")).delete()
    return removed
