"""What a launched mailing sends, as it was frozen."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from core.access import SignedInRequest, seen
from mailer.models import Mailing, MailingContent
from mailer.views.previews import offered_people, shown
from mailer.writing.attaching import frozen_attachments_of


@require_safe
async def content_page(request: SignedInRequest, pk: int) -> HttpResponse:
    content = await _content(request, pk)
    message = content.mailing.message
    context = {
        "content": content,
        "mailing": content.mailing,
        "message": message,
        "files": [file async for file in frozen_attachments_of(pk)],
        "people": await sync_to_async(offered_people)(request, message),
        "preview_url": reverse("mailing_content_preview", args=[pk]),
        "people_url": reverse("message_people", args=[message.pk]),
    }
    return render(request, "mailer/mailings/content.html", context)


@xframe_options_sameorigin  # the page above shows it in a sandboxed frame
@require_safe
async def content_preview(request: SignedInRequest, pk: int) -> HttpResponse:
    content = await _content(request, pk)
    return await shown(request, content.mailing.message, content)


async def _content(request: SignedInRequest, pk: int) -> MailingContent:
    """With its mailing and message. Raises Http404 like `seen`, and for a mailing that has not been launched."""
    mailing = await seen(request, Mailing.objects.select_related("message", "content"), pk)
    if not mailing.is_launched:
        raise Http404
    return mailing.content
