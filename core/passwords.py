"""New passwords are saved where their account is still as it was found when it was asked who may set one."""

from __future__ import annotations

from typing import Any

from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from django.db import transaction
from django.shortcuts import redirect

from core.models import User


@transaction.atomic
def save_password(user: User, **found: Any) -> None:
    """Save the account's new password, and that alone: others may be changing the rest.

    `found` is what it must still have, by field. Where it is another now, or the account is gone, the same page answers
    anew: raises ImmediateHttpResponse, which leads there.
    """
    if not User.objects.select_for_update(no_key=True).filter(pk=user.pk, **found):
        raise ImmediateHttpResponse(redirect(context.request.get_full_path()))
    user.save(update_fields=["password"])
