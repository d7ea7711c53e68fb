"""The confirmation mail, again."""

from __future__ import annotations

from allauth.account.internal.flows.email_verification import send_verification_email_to_address
from allauth.account.internal.flows.manage_email import sync_user_email_address
from allauth.account.models import EmailAddress
from django.http import HttpRequest

from core.models import User


def send_confirmation(request: HttpRequest, address: str) -> bool:
    """Mail the link, or that there is nothing to confirm, to the address; False when it was sent too many of them."""
    user = User.objects.filter(email__iexact=address).first()
    if user is None:
        return send_verification_email_to_address(request, EmailAddress(user=None, email=address))
    sync_user_email_address(user)
    own = EmailAddress.objects.get(user=user, email=user.email)
    if own.verified:  # "you have an account already"
        own = EmailAddress(user=None, email=address)
    return send_verification_email_to_address(request, own, signup=True)
