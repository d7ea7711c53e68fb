"""allauth, speaking to people in their own language."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.utils import translation

from core.preferences import in_language_of


class SpeakingAdapter(DefaultAccountAdapter):
    """A new account keeps the language in which it was made; an account's mails come in its language."""

    def save_user(self, request: Any, user: Any, form: Any, commit: bool = True) -> Any:
        user.language = translation.get_language() or ""
        return super().save_user(request, user, form, commit)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        with in_language_of(email):
            super().send_mail(template_prefix, email, context)
