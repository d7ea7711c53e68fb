"""A message as a recipient would get it: what is saved, what is typed, and what a mailing has frozen."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.access import SignedInRequest, owned, seen, visible_to
from core.fence import fenced
from mailer.merge_tags import BARE_EXAMPLE, EXAMPLE, TemplateProblem
from mailer.models import Attachment, FrozenAttachment, MailingContent, Message, Recipient
from mailer.search import matching
from mailer.writing.addresses import picture_addresses
from mailer.writing.attaching import attachments_of, frozen_attachments_of
from mailer.writing.checks import Checked, check, told
from mailer.writing.files import MOST_BYTES, MOST_FILES
from mailer.writing.filling import Filled, Person, filled
from mailer.writing.finish import Finished
from mailer.writing.pictures import with_addresses

OFFERED = 20  # recipients at a time
EXAMPLES: dict[str, Person] = {"example": EXAMPLE, "bare": BARE_EXAMPLE}
TYPED = ("subject", "kind", "body", "alternative")


@xframe_options_sameorigin  # the pages of a message show it in a sandboxed frame
@require_http_methods(["GET", "HEAD", "POST"])
async def preview(request: SignedInRequest, pk: int) -> HttpResponse:
    """GET shows what is saved, POST what is typed in the form, which is saved nowhere."""
    if request.method != "POST":
        return await shown(request, await seen(request, Message.objects.all(), pk))
    return await shown(request, _typed(request, await owned(request, Message.objects.all(), pk)))


@xframe_options_sameorigin
@require_POST
async def preview_new(request: SignedInRequest) -> HttpResponse:
    return await shown(request, _typed(request, Message(owner=request.user)))


@require_safe
async def people(request: SignedInRequest, pk: int | None = None) -> HttpResponse:
    """Choices for whose eyes to look with, found by ?q=."""
    message = await seen(request, Message.objects.all(), pk) if pk else Message(owner=request.user)
    search = request.GET.get("q", "").strip()
    offered = [one async for one in _people(request, message, search)[:OFFERED]]
    return render(request, "mailer/messages/_people.html", {"people": offered})


def pane(request: SignedInRequest, message: Message) -> dict[str, Any]:
    """What the preview's part of a page needs: whom it may be filled in with, the files, and what there is to say."""
    attachments = list(attachments_of(message.pk))
    is_written = message.pk is not None
    return {
        "people": offered_people(request, message),
        "attachments": attachments,
        "most_files": MOST_FILES,
        "most_bytes": MOST_BYTES,
        "preview_url": reverse("message_preview", args=[message.pk]) if is_written else reverse("message_preview_new"),
        "people_url": reverse("message_people", args=[message.pk]) if is_written else reverse("message_people_new"),
        "checked": check(message, {one.content_id for one in attachments}) if is_written else None,
    }


def offered_people(request: SignedInRequest, message: Message) -> list[Recipient]:
    return list(_people(request, message, "")[:OFFERED])


def _people(request: SignedInRequest, message: Message, search: str) -> QuerySet[Recipient]:
    theirs = visible_to(request.user, Recipient.objects.filter(owner=message.owner_id))
    return matching(theirs, search, "email", "full_name").order_by("pk")


def _typed(request: SignedInRequest, message: Message) -> Message:
    """The message with what its form holds, not to be saved."""
    for name in TYPED:
        if name in request.POST:
            longest = getattr(Message._meta.get_field(name), "max_length", None)
            setattr(message, name, request.POST[name][:longest].replace("\r\n", "\n"))
    if message.kind not in Message.Kind.values:
        message.kind = Message.Kind.TEXT
    return message


async def shown(request: SignedInRequest, message: Message, frozen: MailingContent | None = None) -> HttpResponse:
    """The message, or what a mailing has frozen of it, in the way that is asked for."""
    asked = request.POST if request.method == "POST" else request.GET
    view = asked.get("view", "html")
    context = await sync_to_async(_seen_by)(request, message, frozen, asked.get("recipient", ""))
    if view == "checks":
        return render(request, "mailer/messages/_checks.html", context)
    if view == "made":  # the plain text that is made from the body, its merge tags still in it
        return fenced(HttpResponse(context["checked"].finished.text, content_type="text/plain; charset=utf-8"))
    mail: Filled | None = context["filled"]
    if mail is None:
        return fenced(render(request, "mailer/messages/_no_preview.html", context))
    if view == "source":
        return fenced(HttpResponse(mail.html or mail.text, content_type="text/plain; charset=utf-8"))
    if view == "text" or not mail.html:
        return fenced(HttpResponse(_as_text(mail.text)))
    pictures = f"data: {request.build_absolute_uri(reverse('message_list'))}pictures/"
    return fenced(HttpResponse(_as_page(mail.html)), f"{pictures} https:" if "pictures" in asked else pictures)


def _seen_by(
    request: SignedInRequest, message: Message, frozen: MailingContent | None, recipient: str
) -> dict[str, Any]:
    """It filled in for one of its owner's recipients or an example, with what is wrong or may be."""
    attachments: list[Attachment] | list[FrozenAttachment]
    if frozen is None:
        attachments = list(attachments_of(message.pk))
        subject, checked = message.subject, check(message, {one.content_id for one in attachments})
    else:
        attachments = list(frozen_attachments_of(frozen.pk))
        subject, checked = frozen.subject, Checked(Finished(frozen.body, frozen.html))
    mail = problem = None
    try:
        mail = filled(subject, checked.finished, person_of(request, message, recipient))
    except TemplateProblem as raised:
        problem = told(raised)
    if mail:
        addresses = picture_addresses(attachments, timezone.localdate())
        mail = Filled(mail.subject, mail.text, with_addresses(mail.html, addresses))
    return {"message": message, "checked": checked, "filled": mail, "problem": problem}


def person_of(request: SignedInRequest, message: Message, recipient: str) -> Person:
    """The recipient's fields; an example where it is none of the message's owner."""
    if recipient.isdecimal() and len(recipient) < 19:
        one = _people(request, message, "").filter(pk=recipient).first()
        if one:
            return {"full_name": one.full_name, "email": one.email, "comment": one.comment}
    return EXAMPLES.get(recipient, EXAMPLE)


def _as_text(text: str) -> str:
    style = "white-space: pre-wrap; overflow-wrap: anywhere; font: 15px/1.5 system-ui, sans-serif; margin: 16px"
    return format_html(
        '<!DOCTYPE html><html><head><meta charset="utf-8"></head><body style="{}">{}</body></html>', style, text
    )


def _as_page(html: str) -> str:
    """Links open nowhere: not in the frame, and a sandboxed frame opens no windows."""
    return html.replace("<head>", '<head><base target="_blank">', 1)
