"""The files of a message: added, listed, downloaded, removed, shown within its preview."""

from __future__ import annotations

from urllib.parse import quote

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from core.access import SignedInRequest, owned, seen, unless_gone
from core.fence import fenced
from mailer.models import Attachment, Message
from mailer.writing.addresses import picture_at
from mailer.writing.attaching import attach, attachments_of, detach


@require_POST
async def add_attachments(request: SignedInRequest, pk: int) -> HttpResponse:
    message = await owned(request, Message.objects.all(), pk)
    refused = await unless_gone(attach, message.pk, request.FILES.getlist("files"))
    return await _listed(request, message, refused)


@require_POST
async def remove_attachment(request: SignedInRequest, pk: int, attachment_pk: int) -> HttpResponse:
    message = await owned(request, Message.objects.all(), pk)
    await unless_gone(detach, message.pk, attachment_pk)
    return await _listed(request, message, [])


async def _listed(request: SignedInRequest, message: Message, refused: list[str]) -> HttpResponse:
    """The list anew, for a script that puts it in its place; without scripts, the page that it stands on."""
    if "fragment" in request.POST:
        attachments = [one async for one in attachments_of(message.pk)]
        context = {"message": message, "attachments": attachments, "refused": refused, "is_owned": True}
        return render(request, "mailer/messages/_attachments.html", context)
    for why in refused:
        messages.error(request, why)
    if not refused:
        messages.success(request, _("Saved."))
    return redirect("message_edit", message.pk)


@require_safe
async def download(request: SignedInRequest, pk: int, attachment_pk: int) -> HttpResponse:
    message = await seen(request, Message.objects.all(), pk)
    found = await Attachment.objects.filter(message=message, pk=attachment_pk).afirst()
    if found is None:
        raise Http404
    return as_download(bytes(found.data), found.name)


def as_download(data: bytes, name: str) -> HttpResponse:
    """Nothing that a browser would open here, whatever it is."""
    response = fenced(HttpResponse(data, content_type="application/octet-stream"))
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    return response


@login_not_required  # the address is signed, and known to whoever was shown the preview
@require_safe
async def picture(request: HttpRequest, token: str) -> HttpResponse:
    found = await picture_at(token, timezone.localdate()).afirst()
    if found is None:
        raise Http404
    response = fenced(HttpResponse(bytes(found.data), content_type=found.content_type))
    del response["Cache-Control"]
    patch_cache_control(response, private=True, max_age=3600)
    return response
