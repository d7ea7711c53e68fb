from __future__ import annotations

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from core.access import EVERYBODY, SignedInRequest, owned, owns, seen, whose
from core.async_forms import save_valid
from core.forms.editing import owned_unless_gone
from core.models import User
from core.paging import page_by_key
from mailer.address_book import delete_for_good
from mailer.exporting import RECIPIENTS, csv_file
from mailer.forms.recipients import ImportForm, RecipientForm
from mailer.importing import ImportReport, UnreadableFile, import_recipients
from mailer.models import Attempt, Delivery, Mailing, Recipient, Suppression, recipients_of
from mailer.search import matching
from mailer.skipped import BY_SITE, badges, why_skipped

SHOWN_DELIVERIES = 50


@require_safe
async def recipient_list(request: SignedInRequest) -> HttpResponse:
    found = _found(request).select_related("owner")
    page = await page_by_key(found, request.GET.get("older"), request.GET.get("newer"))
    rows = await sync_to_async(badges)(page.rows)
    context = {"page": page, "rows": rows, "search": _searched(request), "whose": whose(request, Recipient)}
    return render(request, "mailer/recipients/list.html", context)


@require_safe
async def export_recipients(request: SignedInRequest) -> StreamingHttpResponse:
    """The list as it is shown, as a CSV file that can be imported."""
    return csv_file("recipients", _found(request), RECIPIENTS)


def _found(request: SignedInRequest) -> QuerySet[Recipient]:
    recipients = Recipient.objects.all() if whose(request, Recipient) == EVERYBODY else recipients_of(request.user.pk)
    return matching(recipients, _searched(request), "email", "full_name", "comment")


def _searched(request: SignedInRequest) -> str:
    return request.GET.get("q", "").strip()


@require_http_methods(["GET", "HEAD", "POST"])
async def create_recipient(request: SignedInRequest) -> HttpResponse:
    return await _edit(request, Recipient(owner=request.user))


@require_http_methods(["GET", "HEAD", "POST"])
async def edit_recipient(request: SignedInRequest, pk: int) -> HttpResponse:
    recipient = await owned_unless_gone(request, Recipient.objects.all(), pk)
    return await _edit(request, recipient or Recipient(owner=request.user), is_gone=recipient is None)


async def _edit(request: SignedInRequest, recipient: Recipient, *, is_gone: bool = False) -> HttpResponse:
    is_new = recipient.pk is None
    form = RecipientForm(request.POST or None, instance=recipient, is_gone=is_gone)
    if request.method == "POST" and (saved := await save_valid(form)):
        messages.success(request, _("Saved."))
        return redirect("recipient_detail", saved.pk)
    context = {"form": form, "recipient": recipient, "is_new": is_new or form.is_offered_as_new}
    return render(request, "mailer/recipients/form.html", context, status=409 if form.has_conflict else 200)


@require_safe
async def recipient_detail(request: SignedInRequest, pk: int) -> HttpResponse:
    recipient = await seen(request, Recipient.objects.select_related("owner"), pk)
    last = Attempt.objects.filter(delivery=OuterRef("pk")).order_by("-number")
    deliveries = (
        Delivery.objects.filter(recipient=recipient)
        .select_related("mailing__content")
        .defer("mailing__content__body", "mailing__content__html")
        .annotate(
            last_code=Subquery(last.values("reply_code")[:1]), last_words=Subquery(last.values("server_response")[:1])
        )
        .order_by("-pk")[:SHOWN_DELIVERIES]
    )
    active = Suppression.objects.filter(lifted_at=None, address_key=recipient.address_key)
    context = {
        "recipient": recipient,
        "is_owned": owns(request.user, recipient),
        "suppressions": [one async for one in active.filter(owner=recipient.owner_id).order_by("pk")],
        "by_site": why_skipped(BY_SITE) if await active.filter(owner=None).aexists() else "",
        "deliveries": [delivery async for delivery in deliveries],
    }
    return render(request, "mailer/recipients/detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
async def delete_recipient(request: SignedInRequest, pk: int) -> HttpResponse:
    recipient = await owned(request, Recipient.objects.select_related("owner"), pk)
    if request.method == "POST":
        await sync_to_async(delete_for_good)(recipient)
        messages.success(request, _("Deleted."))
        return redirect("recipient_list")
    context = {
        "question": _("Delete %(recipient)s?") % {"recipient": recipient},
        "consequences": await _what_deleting_does(recipient),
        "back_url": reverse("recipient_detail", args=[pk]),
    }
    return render(request, "_confirm_delete.html", context)


async def _what_deleting_does(recipient: Recipient) -> list[str]:
    planned = await Mailing.objects.filter(recipients=recipient, launched_at=None).acount()
    sent = await Delivery.objects.filter(recipient=recipient).acount()
    consequences = [_("It goes out of your address book for good.")]
    if planned:
        consequences.append(
            ngettext(
                "It is chosen for %(n)d mailing that has not been sent, and will not get it.",
                "It is chosen for %(n)d mailings that have not been sent, and will not get them.",
                planned,
            )
            % {"n": planned}
        )
    if sent:
        consequences.append(_("What has been sent to it stays in the ledger, with the address as it was."))
    return consequences


@require_http_methods(["GET", "HEAD", "POST"])
async def import_page(request: SignedInRequest) -> HttpResponse:
    form = ImportForm(request.POST, request.FILES) if request.method == "POST" else ImportForm()
    report = None
    if request.method == "POST" and form.is_valid():
        try:
            report = await sync_to_async(_import)(request.user, form)
        except UnreadableFile as error:
            form.add_error("file" if form.cleaned_data["file"] else "pasted", str(error))
        else:
            form = form if report.invalid else ImportForm()
    return render(request, "mailer/recipients/import.html", {"form": form, "report": report})


def _import(owner: User, form: ImportForm) -> ImportReport:
    """Reading the file is part of it: a large one lies on the disk."""
    return import_recipients(owner, form.data_to_import())
