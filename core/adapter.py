"""How allauth's accounts differ here: mails built on SITE_URL and sent in the background, closed registration."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib import messages
from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from core import outgoing
from core.models import User
from core.passwords import save_password
from core.preferences import in_language_of

# That there is no account, and that one can sign in.
UNTRUE_OF_BLOCKED = ("account/email/unknown_account", "account/email/account_already_exists")
HEADERS = {"Auto-Submitted": "auto-generated"}  # no out-of-office replies (RFC 3834)


class AccountAdapter(DefaultAccountAdapter):
    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": _(
            "The email address or the password is wrong, or the address is not confirmed yet."
        ),
        "too_many_login_attempts": _("Too many wrong passwords. Please wait five minutes, then try again."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return settings.SIGNUP_ENABLED or bool(request.session.get("account_verified_email"))

    def is_safe_url(self, url: str) -> bool:
        """False, too, for one that can't be parsed, like `http://[`."""
        try:
            return bool(super().is_safe_url(url))
        except ValueError:
            return False

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> Any:
        """A new account keeps the language in which it was made."""
        user.language = get_language() or ""
        return super().save_user(request, user, form, commit)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Render the mail now, in the account's language where it is known, and send it in the background."""
        if template_prefix in UNTRUE_OF_BLOCKED and User.objects.filter(email__iexact=email, is_active=False).exists():
            template_prefix = "account/email/account_blocked"
        with in_language_of(email):
            outgoing.post(self.render_mail(template_prefix, email, context, HEADERS))

    def render_mail(
        self,
        template_prefix: str,
        email: str | list[str],
        context: dict[str, Any],
        headers: dict[str, str] | None = None,
    ) -> EmailMessage:
        """Text and HTML. Links stand on SITE_URL: a request's Host header is a stranger's word."""
        known = {"email": email, "site_url": settings.SITE_URL, "signup_enabled": settings.SIGNUP_ENABLED}
        return super().render_mail(template_prefix, email, context | known, headers)

    def set_password(self, user: Any, password: str) -> None:
        """Unless another has been set since this one was asked for: by an admin who locks somebody out, say."""
        before = user.password
        user.set_password(password)
        save_password(user, password=before)

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """False, and a message that says so, where another account has taken the address in the meantime.

        Raises Http404 where it is no longer there to be confirmed.
        """
        try:
            with transaction.atomic():
                # The account first, as whoever changes its address in the admin does.
                get_object_or_404(User.objects.select_for_update(no_key=True), pk=email_address.user_id)
                get_object_or_404(EmailAddress, pk=email_address.pk)
                return super().confirm_email(request, email_address)
        except IntegrityError:
            template = "account/messages/email_confirmation_failed.txt"
            self.add_message(request, messages.ERROR, template, {"email": email_address.email})
            return False

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """By address alone: allauth's key has the Host header in it, so that another port would start a new count."""
        return str(credentials.get("email", "")).lower()
