from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import ProtectedError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from core.access import SignedInRequest, listed, owned, owns, seen, whose
from core.async_forms import save_valid
from core.forms.editing import owned_unless_gone
from core.paging import page_by_key
from mailer.forms.messages import MessageForm
from mailer.merge_tags import EXAMPLE, KNOWN_TAGS, TemplateProblem, compile_template
from mailer.models import Mailing, Message, Recipient
from mailer.search import matching


@require_safe
async def message_list(request: SignedInRequest) -> HttpResponse:
    search = request.GET.get("q", "").strip()
    found = matching(listed(request, Message.objects.select_related("owner")), search, "subject", "body")
    page = await page_by_key(found, request.GET.get("older"), request.GET.get("newer"))
    context = {"page": page, "search": search, "whose": whose(request, Message)}
    return render(request, "mailer/messages/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
async def create_message(request: SignedInRequest) -> HttpResponse:
    return await _edit(request, Message(owner=request.user))


@require_http_methods(["GET", "HEAD", "POST"])
async def edit_message(request: SignedInRequest, pk: int) -> HttpResponse:
    message = await owned_unless_gone(request, Message.objects.all(), pk)
    return await _edit(request, message or Message(owner=request.user), is_gone=message is None)


async def _edit(request: SignedInRequest, message: Message, *, is_gone: bool = False) -> HttpResponse:
    is_new = message.pk is None
    form = MessageForm(request.POST or None, instance=message, is_gone=is_gone)
    if request.method == "POST" and (saved := await save_valid(form)):
        messages.success(request, _("Saved."))
        return redirect("message_detail", saved.pk)
    context = {"form": form, "message": message, "is_new": is_new or form.is_offered_as_new, "tags": KNOWN_TAGS}
    return render(request, "mailer/messages/form.html", context, status=409 if form.has_conflict else 200)


@require_safe
async def message_detail(request: SignedInRequest, pk: int) -> HttpResponse:
    message = await seen(request, Message.objects.select_related("owner"), pk)
    recipient = await Recipient.objects.filter(owner=message.owner_id).order_by("pk").afirst()
    context = {
        "message": message,
        "is_owned": owns(request.user, message),
        "recipient": recipient,
        "preview": _preview(message, recipient),
        "mailings": [mailing async for mailing in Mailing.objects.filter(message=message).order_by("-pk")[:10]],
    }
    return render(request, "mailer/messages/detail.html", context)


def _preview(message: Message, recipient: Recipient | None) -> dict[str, str]:
    """Subject and body as this recipient, or an example, would get them."""
    data: dict[str, Any] = EXAMPLE
    if recipient:
        data = {"full_name": recipient.full_name, "email": recipient.email, "comment": recipient.comment}
    try:
        subject, body = (
            compile_template(source).render({"recipient": data}) for source in (message.subject, message.body)
        )
    except TemplateProblem as problem:
        return {"subject": message.subject, "body": str(problem)}
    return {"subject": subject, "body": body}


@require_http_methods(["GET", "HEAD", "POST"])
async def delete_message(request: SignedInRequest, pk: int) -> HttpResponse:
    message = await owned(request, Message.objects.all(), pk)
    uses = [mailing async for mailing in Mailing.objects.filter(message=message).order_by("-pk")[:20]]
    if request.method == "POST" and not uses:
        try:
            await message.adelete()
        except ProtectedError:  # a mailing took it up in the meantime
            return redirect("message_delete", pk)
        messages.success(request, _("Deleted."))
        return redirect("message_list")
    context = {
        "question": _("Delete “%(subject)s”?") % {"subject": message.subject},
        "consequences": _what_deleting_does(uses),
        "refused": bool(uses),
        "back_url": reverse("message_detail", args=[pk]),
    }
    return render(request, "_confirm_delete.html", context, status=409 if request.method == "POST" else 200)


def _what_deleting_does(uses: list[Mailing]) -> list[str]:
    if not uses:
        return [_("No mailing uses it. It will be gone for good.")]
    numbers = ", ".join(f"#{mailing.pk}" for mailing in uses)
    return [
        _("It cannot be deleted: mailings use it (%(numbers)s). Delete those that are drafts first.")
        % {"numbers": numbers}
    ]
