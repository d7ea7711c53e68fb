"""Addresses of attached pictures for previews. A sandboxed frame sends no cookies, so the address itself is signed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from django.core.signing import BadSignature, Signer
from django.db.models import QuerySet
from django.urls import reverse

from mailer.models import Attachment, FrozenAttachment

VALID_FOR = timedelta(days=1)

_signer = Signer(salt="mailer.writing.addresses")


def picture_addresses(attachments: Iterable[Attachment | FrozenAttachment], today: date) -> dict[str, str]:
    """By content id. The same all day long, so that a browser loads each picture once."""
    return {
        one.content_id: reverse("message_picture", args=[_signer.sign(_named(one, today))])
        for one in attachments
        if one.content_id
    }


def picture_at(token: str, today: date) -> QuerySet[Any]:
    """The picture whose address holds this token, as long as that is valid; else nothing."""
    try:
        key, day, *frozen = _signer.unsign(token).split(".")
    except BadSignature:
        return Attachment.objects.none()
    age = today - date.fromordinal(int(day))
    pictures: QuerySet[Any] = (FrozenAttachment if frozen else Attachment).objects.exclude(content_id="")
    return pictures.filter(pk=key) if abs(age) <= VALID_FOR else pictures.none()


def _named(one: Attachment | FrozenAttachment, today: date) -> str:
    return f"{one.pk}.{today.toordinal()}" + (".frozen" if isinstance(one, FrozenAttachment) else "")
