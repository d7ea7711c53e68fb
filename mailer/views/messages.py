from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.db.models import F
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.access import SignedInRequest, listed, owned, owns, seen, unless_gone, whose
from core.forms.editing import owned_unless_gone
from core.paging import page_by_key
from mailer.forms.messages import MessageForm
from mailer.locks import locked_message
from mailer.merge_tags import KNOWN_TAGS
from mailer.models import Mailing, Message
from mailer.search import matching
from mailer.views.previews import pane
from mailer.writing.attaching import attach, copy_attachments


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
    files = request.FILES.getlist("files")
    if request.method == "POST" and (saved := await sync_to_async(_save)(form, files)):
        return _saved(request, *saved)
    if files:
        messages.warning(request, _("It is not saved yet, and neither are its files: choose them again, please."))
    context = {
        "form": form,
        "message": message,
        "is_new": is_new or form.is_offered_as_new,
        "tags": KNOWN_TAGS,
        **await sync_to_async(pane)(request, message),
    }
    return render(request, "mailer/messages/form.html", context, status=409 if form.has_conflict else 200)


@transaction.atomic
def _save(form: MessageForm, files: list[UploadedFile[Any]]) -> tuple[Message, list[str]] | None:
    """The message, saved with its files, and why some of these were refused; None where the form is not valid."""
    if not form.is_valid():
        return None
    message: Message = form.save()
    return message, attach(message.pk, files)


def _saved(request: SignedInRequest, message: Message, refused: list[str]) -> HttpResponse:
    """On to the message, or back to where its files are, if some of them were refused."""
    messages.success(request, _("Saved."))
    for why in refused:
        messages.error(request, why)
    return redirect("message_edit" if refused else "message_detail", message.pk)


@require_safe
async def message_detail(request: SignedInRequest, pk: int) -> HttpResponse:
    message = await seen(request, Message.objects.select_related("owner"), pk)
    context = {
        "message": message,
        "is_owned": owns(request.user, message),
        "mailings": [mailing async for mailing in Mailing.objects.filter(message=message).order_by("-pk")[:10]],
        **await sync_to_async(pane)(request, message),
    }
    return render(request, "mailer/messages/detail.html", context)


@require_POST
async def duplicate_message(request: SignedInRequest, pk: int) -> HttpResponse:
    await owned(request, Message.objects.all(), pk)
    copy = await unless_gone(_duplicate, pk)
    messages.success(request, _("This is the copy, with the same files."))
    return redirect("message_edit", copy.pk)


@transaction.atomic
def _duplicate(pk: int) -> Message:
    original = locked_message(pk)
    copy = Message.objects.create(
        owner_id=original.owner_id,
        subject=original.subject,
        kind=original.kind,
        body=original.body,
        alternative=original.alternative,
    )
    copy_attachments(original.pk, copy.pk)
    return copy


@transaction.atomic
def _delete(pk: int) -> None:
    locked_message(pk).delete()  # before its files, which others lock after it


@require_http_methods(["GET", "HEAD", "POST"])
async def delete_message(request: SignedInRequest, pk: int) -> HttpResponse:
    message = await owned(request, Message.objects.all(), pk)
    launched_first = Mailing.objects.filter(message=message).order_by(F("launched_at").desc(nulls_last=True), "-pk")
    uses = [mailing async for mailing in launched_first[:20]]
    if request.method == "POST" and not uses:
        try:
            await unless_gone(_delete, pk)
        except IntegrityError:  # a mailing took it up in the meantime
            return redirect("message_delete", pk)
        messages.success(request, _("Deleted."))
        return redirect("message_list")
    context = {
        "question": _("Delete “%(subject)s”?") % {"subject": message},
        "consequences": _what_deleting_does(uses),
        "refused": bool(uses),
        "back_url": reverse("message_detail", args=[pk]),
    }
    return render(request, "_confirm_delete.html", context, status=409 if request.method == "POST" else 200)


def _what_deleting_does(uses: list[Mailing]) -> list[str]:
    """`uses` has those first that were launched."""
    if not uses:
        return [_("No mailing uses it. It will be gone for good.")]
    if launched := [mailing for mailing in uses if mailing.is_launched]:
        words = _("It is kept, because mailings that have been launched are, and they use it: {mailings}.")
        return [format_html(words, mailings=_links(launched))]
    words = _("It cannot be deleted while drafts use it: {mailings}. Delete them first.")
    return [format_html(words, mailings=_links(uses))]


def _links(mailings: list[Mailing]) -> SafeString:
    links = ((reverse("mailing_detail", args=[mailing.pk]), mailing.pk) for mailing in mailings)
    return format_html_join(", ", '<a href="{}">#{}</a>', links)
