"""Invitations by mail: a signed link that lets one address sign up, without a row in the database."""

from __future__ import annotations

from datetime import timedelta

from allauth.account.adapter import get_adapter
from django.core import signing
from django.urls import reverse

from core.models import User, is_taken

SALT = "core.invitations"
VALID_FOR = timedelta(days=7)


class InvalidInvitation(Exception):
    """The link is forged, mangled or too old."""


class UsedInvitation(Exception):
    """The address has an account by now."""


def invite(address: str, inviter: User) -> None:
    """Mail the link to the address."""
    context = {"path": invitation_path(address), "inviter": inviter, "days": VALID_FOR.days}
    get_adapter().send_mail("account/email/invitation", address, context)


def invitation_path(address: str) -> str:
    return reverse("accept_invitation", args=[signing.dumps(address, salt=SALT)])


def invited_address(token: str) -> str:
    """Whom the link invites. Raises InvalidInvitation, UsedInvitation."""
    try:
        address: str = signing.loads(token, salt=SALT, max_age=VALID_FOR)
    except signing.BadSignature as error:
        raise InvalidInvitation from error
    if is_taken(address):
        raise UsedInvitation
    return address
