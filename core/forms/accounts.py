"""Forms of accounts: allauth's, where ours differ, and our own."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from uuid import uuid4

from allauth.account import forms as allauth_forms
from allauth.account.fields import EmailField
from allauth.core import context
from django import forms
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from core.models import is_taken
from core.passwords import save_password

NEW_PASSWORD = {"password1": _("New password"), "password2": _("New password (again)")}


class LoginForm(allauth_forms.LoginForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["remember"].label = _("Remember me")


class ChangeEmailForm(allauth_forms.AddEmailForm):
    """An account has one address: a new one takes its place."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("New email address")


class ChangePasswordForm(allauth_forms.ChangePasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _label(self, oldpassword=_("Current password"), **NEW_PASSWORD)


class SignUpForm(allauth_forms.SignupForm):
    """Whoever was invited signs up with the address that the invitation went to.

    An address is taken when it is an account's own. One that somebody merely wants to change to keeps nobody out.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if invited := context.request.session.get("account_verified_email"):
            self.initial["email"] = invited
            self.fields["email"].disabled = True

    def validate_unique_email(self, value: str) -> str:
        self.account_already_exists = is_taken(value)
        return value

    def try_save(self, request: HttpRequest) -> Any:
        """A new account, or None and the answer for a taken address: it looks and takes as long as the other."""
        request.session["confirming"] = self.cleaned_data["email"]
        if self.account_already_exists:
            self._go_through_the_motions(request)
        else:
            with suppress(IntegrityError), transaction.atomic():
                return super().try_save(request)
        self.account_already_exists = True  # the same form was sent twice at once
        return super().try_save(request)

    def _go_through_the_motions(self, request: HttpRequest) -> None:
        """Make an account without an owner and take it back, which takes as long as making a real one."""
        email, self.cleaned_data["email"] = self.cleaned_data["email"], f"{uuid4()}@nowhere.invalid"
        self.account_already_exists = False
        with transaction.atomic(), transaction.atomic():
            self.save(request)
            transaction.set_rollback(True)
        self.cleaned_data["email"] = email


class ResetPasswordForm(allauth_forms.ResetPasswordForm):
    """For an account's own address alone: one that somebody wants to change to does not count yet."""

    def clean_email(self) -> str:
        email = super().clean_email()
        self.users = [user for user in self.users if user.email.lower() == email.lower()]
        return email


class ResetPasswordKeyForm(allauth_forms.ResetPasswordKeyForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _label(self, **NEW_PASSWORD)

    def save(self) -> None:
        """A new password, and a confirmed address: the link went to it, and has not been overtaken by another."""
        before = self.user.password
        self.user.set_password(self.cleaned_data["password1"])  # takes long, and SQLite has one writer
        with transaction.atomic():
            save_password(self.user, email=self.user.email, password=before)
            self.user.confirm_email()


def _label(form: forms.Form, **labels: Any) -> None:
    """Call the fields so, within them too where nothing is typed yet."""
    for name, label in labels.items():
        form.fields[name].label = form.fields[name].widget.attrs["placeholder"] = label


class ConfirmationForm(forms.Form):
    email = EmailField()


class InvitationForm(forms.Form):
    email = EmailField()

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        if is_taken(email):
            raise forms.ValidationError(_("This address has an account."))
        return email
