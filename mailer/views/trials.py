"""Test sends, from a mailing or from a message: the form, and what became of the last ones."""

from __future__ import annotations

from typing import Any

from allauth.core import ratelimit
from asgiref.sync import sync_to_async
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from core.access import SignedInRequest, owned
from mailer.forms.mailings import EDITABLE
from mailer.forms.trials import TrialForm
from mailer.models import Mailing, Message, SentTest
from mailer.preflight.report import SHOWN_TESTS, sender_of
from mailer.trials import Trial, TrialRefused, send_test
from mailer.views.preflight import BEFORE_TAKE_OFF
from mailer.views.previews import offered_people, person_of


@require_http_methods(["GET", "HEAD", "POST"])
async def try_mailing(request: SignedInRequest, pk: int) -> HttpResponse:
    """?before= names the act whose page one comes from, and goes back to."""
    mailing = await owned(request, Mailing.objects.select_related("message"), pk)
    if mailing.status not in EDITABLE:
        return redirect("message_test", mailing.message_id)
    before, page = request.GET.get("before", ""), reverse("mailing_detail", args=[pk])
    back_url = reverse("mailing_action", args=[pk, before]) if before in BEFORE_TAKE_OFF else page
    return await _ask_or_send(request, mailing, page, back_url)


@require_http_methods(["GET", "HEAD", "POST"])
async def try_message(request: SignedInRequest, pk: int) -> HttpResponse:
    """As the mailing would send it that nobody has changed the sender of."""
    message = await owned(request, Message.objects.all(), pk)
    mailing = Mailing(owner_id=message.owner_id, message=message)
    page = reverse("message_detail", args=[pk])
    return await _ask_or_send(request, mailing, page, page)


async def _ask_or_send(request: SignedInRequest, mailing: Mailing, up_url: str, back_url: str) -> HttpResponse:
    form = TrialForm(request.POST if request.method == "POST" else None, initial={"addresses": request.user.email})
    status = 200
    if form.is_bound and form.is_valid():
        if await sync_to_async(ratelimit.consume)(request, action="test_send", user=request.user):
            if await _send(request, mailing, form):
                return redirect(request.get_full_path())
        else:
            form.add_error(None, _("That were many tests at once. Try again in ten minutes."))
            status = 429
    context = await sync_to_async(_context)(request, mailing, form) | {"up_url": up_url, "back_url": back_url}
    return render(request, "mailer/trials/page.html", context, status=status)


async def _send(request: SignedInRequest, mailing: Mailing, form: TrialForm) -> bool:
    """Whether it went as far as to have results."""
    recipient = form.cleaned_data["recipient"]
    person = await sync_to_async(person_of)(request, mailing.message, recipient)
    try:
        refused = await send_test(Trial(request.user, mailing, person, form.cleaned_data["addresses"]))
    except TrialRefused as why:
        form.add_error(None, str(why))
        return False
    for address, reason in refused:
        said = _("No test went to %(address)s: %(reason)s.") % {"address": address, "reason": reason}
        messages.warning(request, said)
    return True


def _context(request: SignedInRequest, mailing: Mailing, form: TrialForm) -> dict[str, Any]:
    of_it = {"mailing": mailing.pk} if mailing.pk else {"message": mailing.message_id, "mailing": None}
    return {
        "form": form,
        "mailing": mailing,
        "message": mailing.message,
        "sender": sender_of(mailing),
        "people": offered_people(request, mailing.message),
        "people_url": reverse("message_people", args=[mailing.message_id]),
        "tests": list(SentTest.objects.filter(**of_it).order_by("-pk")[:SHOWN_TESTS]),
    }
