"""Addresses of attached pictures for previews. A sandboxed frame sends no cookies, so the address itself is signed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from django.core.signing import BadSignature, Signer
from django.urls import reverse

from mailer.models import Attachment

VALID_FOR = timedelta(days=1)

_signer = Signer(salt="mailer.writing.addresses")


def picture_addresses(attachments: Iterable[Attachment], today: date) -> dict[str, str]:
    """By content id. The same all day long, so that a browser loads each picture once."""
    return {
        one.content_id: reverse("message_picture", args=[_signer.sign(f"{one.pk}.{today.toordinal()}")])
        for one in attachments
        if one.content_id
    }


def attachment_of(token: str, today: date) -> int | None:
    """The key of the picture whose address holds this token, as long as that is valid."""
    try:
        key, _dot, day = _signer.unsign(token).partition(".")
    except BadSignature:
        return None
    age = today - date.fromordinal(int(day))
    return int(key) if abs(age) <= VALID_FOR else None
