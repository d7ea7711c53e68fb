"""What a mailing sends, fixed at its launch."""

from __future__ import annotations

import secrets
from datetime import datetime
from email.utils import parseaddr

from django.db.models import Case, F, Value, When

from mailer.addresses import ascii_address
from mailer.delivery.insert_select import insert_select
from mailer.locks import locked_message
from mailer.models import Attachment, FrozenAttachment, Mailing, MailingContent
from mailer.senders import sender, sending_domain
from mailer.writing.finish import finish
from mailer.writing.pictures import named_pictures


def freeze_content(mailing: Mailing, now: datetime) -> MailingContent:
    """Keep the message as it is now, in both forms, with its files, for the launched mailing, whose row is locked."""
    mailing.message = locked_message(mailing.message_id)
    content = content_now(mailing, now)
    content.save(force_insert=True)
    _freeze_attachments(content, mailing.message_id)
    return content


def content_now(mailing: Mailing, now: datetime) -> MailingContent:
    """What the mailing would keep if it were launched now, not saved."""
    message = mailing.message
    finished = finish(message.kind, message.subject, message.body, message.alternative)
    from_email = sender(mailing.from_name, mailing.from_address)
    return MailingContent(
        mailing=mailing,
        subject=message.subject,
        body=finished.text,
        html=finished.html,
        from_email=from_email,
        reply_to=ascii_address(mailing.reply_to) if mailing.reply_to else "",
        message_id_domain=sending_domain(parseaddr(from_email)[1]),
        token=secrets.token_hex(8),
        frozen_at=now,
    )


def _freeze_attachments(content: MailingContent, message_id: int) -> None:
    """Copied inside the database. A picture that the HTML does not show goes as a file."""
    shown = named_pictures(content.html)
    insert_select(
        FrozenAttachment,
        Attachment.objects.filter(message=message_id).order_by("pk"),
        {
            "content_id": Case(When(content_id__in=shown, then=F("content_id")), default=Value("")),
            "name": F("name"),
            "content_type": F("content_type"),
            "size": F("size"),
            "data": F("data"),
            "frozen_content_id": Value(content.pk),
        },
    )
