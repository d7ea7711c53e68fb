"""The page behind a mail's link to unsubscribe: public, without cookies; looking at it changes nothing."""

from __future__ import annotations

from email.utils import parseaddr
from http import HTTPStatus

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render
from django.utils.cache import patch_cache_control
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from mailer.consent import subscribe_again, tell_why, unsubscribe, unsubscribed
from mailer.forms.unsubscribe import WhyForm
from mailer.models import Delivery
from mailer.signing import delivery_of

# The states of the page.
OFFERED, DONE, UNDONE, STOPPED, THANKED = "offered", "done", "undone", "stopped", "thanked"
SAMPLE, UNKNOWN = "sample", "unknown"


@csrf_exempt  # who has the link may do it, and a mail program brings no token with it (RFC 8058)
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
async def unsubscribe_page(request: HttpRequest, token: str) -> HttpResponse:
    """A POST of the button, or of RFC 8058's `List-Unsubscribe=One-Click`, does it. A forged token asks no database."""
    delivery_id = delivery_of(token)
    if delivery_id is None:
        return _page(request, UNKNOWN, status=HTTPStatus.NOT_FOUND)
    if delivery_id == 0:
        return _page(request, SAMPLE)
    delivery = await Delivery.objects.select_related("mailing__content").filter(pk=delivery_id).afirst()
    if delivery is None:
        return _page(request, UNKNOWN, status=HTTPStatus.NOT_FOUND)
    if request.method != "POST":
        is_done = await unsubscribed(delivery).aexists()
        return _page(request, DONE if is_done else OFFERED, delivery)
    said = _said(request)
    match said.get("act"):
        case "undo":
            gets_mail = await sync_to_async(subscribe_again)(delivery)
            return _page(request, UNDONE if gets_mail else STOPPED, delivery)
        case "tell":
            return await _listen(request, delivery, said)
        case _:
            await sync_to_async(unsubscribe)(delivery)
            return _page(request, DONE, delivery)


def _said(request: HttpRequest) -> QueryDict:
    """What was posted; nothing where it can't be read, since whatever a mail program posts unsubscribes (RFC 8058)."""
    try:
        return request.POST
    except (BadRequest, MultiPartParserError, SuspiciousOperation):
        return QueryDict()


async def _listen(request: HttpRequest, delivery: Delivery, said: QueryDict) -> HttpResponse:
    form = WhyForm(said)
    if not form.is_valid() or not any(form.cleaned_data.values()):
        return _page(request, DONE, delivery, form)
    await sync_to_async(tell_why)(delivery, form.cleaned_data["why"], form.cleaned_data["words"])
    return _page(request, THANKED, delivery)


def _page(
    request: HttpRequest,
    state: str,
    delivery: Delivery | None = None,
    form: WhyForm | None = None,
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    context = {
        "state": state,
        "sender": _sender(delivery) if delivery else "",
        "address": _masked(delivery.email) if delivery else "",
        "form": form or WhyForm(),
    }
    response = render(request, "mailer/unsubscribe.html", context, status=status)
    response["Referrer-Policy"] = "no-referrer"  # the address of this page is the key to it
    response["X-Robots-Tag"] = "noindex"
    patch_cache_control(response, private=True, no_store=True)
    return response


def _sender(delivery: Delivery) -> str:
    """Whose mailings they are, as the mail itself said it."""
    name, address = parseaddr(delivery.mailing.content.from_email)
    return name or address


def _masked(address: str) -> str:
    """What tells its owner which of their addresses is meant, and tells nobody else much: `a•••@example.com`."""
    local, _at, domain = address.rpartition("@")
    return f"{local[:1]}•••@{domain}"
