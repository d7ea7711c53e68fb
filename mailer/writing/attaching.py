"""The files of a message: added within its limits, removed, copied with it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import F, QuerySet, Sum, Value
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from mailer.delivery.insert_select import insert_select
from mailer.locks import locked_message
from mailer.models import Attachment, FrozenAttachment
from mailer.writing.files import MOST_BYTES, MOST_FILES, CleanFile, FileRefused, clean_file


def attachments_of(message_id: int | None) -> QuerySet[Attachment]:
    """Without what is in them: that is megabytes."""
    return Attachment.objects.filter(message=message_id).defer("data").order_by("pk")


def frozen_attachments_of(mailing_id: int) -> QuerySet[FrozenAttachment]:
    """Like those of a message."""
    return FrozenAttachment.objects.filter(frozen_content=mailing_id).defer("data").order_by("pk")


@transaction.atomic
def attach(message_id: int, uploads: Iterable[UploadedFile[Any]]) -> list[str]:
    """Add the files to the message. Returns why some were refused; the others are in. Raises Message.DoesNotExist."""
    locked_message(message_id)
    refused = []
    for upload in uploads:
        try:
            _attach_one(message_id, upload)
        except FileRefused as why:
            refused.append(str(why))
    return refused


@transaction.atomic
def detach(message_id: int, attachment_id: int) -> None:
    """Remove the file from the message, where it has it. Raises Message.DoesNotExist."""
    locked_message(message_id)
    Attachment.objects.filter(message=message_id, pk=attachment_id).delete()


def copy_attachments(source_id: int, target_id: int) -> None:
    columns = ("name", "content_type", "size", "content_id", "data", "created_at")
    insert_select(
        Attachment,
        Attachment.objects.filter(message=source_id).order_by("pk"),
        {"message_id": Value(target_id), **{column: F(column) for column in columns}},
    )


def _attach_one(message_id: int, upload: UploadedFile[Any]) -> None:
    there = attachments_of(message_id)
    if there.count() >= MOST_FILES:
        raise FileRefused(
            _("“%(name)s” is one too many: a message has up to %(most)s files.")
            % {"name": upload.name, "most": MOST_FILES}
        )
    file = clean_file(upload)
    used = there.aggregate(used=Sum("size"))["used"] or 0
    if used + len(file.data) > MOST_BYTES:
        raise FileRefused(
            _("“%(name)s” does not fit in: with it the files would have %(size)s together, and %(most)s is the most.")
            % {
                "name": file.name,
                "size": filesizeformat(used + len(file.data)),
                "most": filesizeformat(MOST_BYTES),
            }
        )
    Attachment.objects.create(
        message_id=message_id,
        name=file.name,
        content_type=file.content_type,
        size=len(file.data),
        content_id=_content_id(file, set(there.values_list("content_id", flat=True))),
        data=file.data,
    )


def _content_id(file: CleanFile, taken: set[str]) -> str:
    """A picture's name within the HTML, which no other of the message has (RFC 2392); "" for other files."""
    if not file.is_picture:
        return ""
    stem = re.sub(r"[^a-z0-9]+", "-", file.name.rpartition(".")[0].lower()).strip("-")[:60] or "picture"
    wanted = [f"{stem}@inline", *(f"{stem}-{n}@inline" for n in range(2, MOST_FILES + 2))]
    return next(content_id for content_id in wanted if content_id not in taken)
