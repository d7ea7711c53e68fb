"""Who may sign in."""

from __future__ import annotations

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from allauth.account.models import EmailAddress
from asgiref.sync import sync_to_async
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest


class ConfirmedAddressBackend(AuthenticationBackend):
    """Address and password, once the address is confirmed.

    Before that the answer is the one for a wrong password. Otherwise whoever signs up with somebody's address and then
    signs in would see whether it had an account already.
    """

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> AbstractBaseUser | None:  # type: ignore[override]
        user = super().authenticate(request, **credentials)
        address = credentials.get("email") or credentials.get("username") or ""
        return user if user is not None and _is_confirmed(user, address) else None

    async def aauthenticate(self, request: HttpRequest | None, **credentials: Any) -> AbstractBaseUser | None:  # type: ignore[override]
        """Off the loop: it hashes."""
        return await sync_to_async(self.authenticate)(request, **credentials)


def _is_confirmed(user: AbstractBaseUser, address: str) -> bool:
    return EmailAddress.objects.filter(user_id=user.pk, email=address.lower(), verified=True).exists()
