"""People: an account is its email address."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _


class UserManager(BaseUserManager["User"]):
    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        """An address in small letters: people sign in in any capitals."""
        return (email or "").strip().lower()

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A new account. Raises ValueError without an email, IntegrityError when it is taken in any capitals."""
        if not email:
            raise ValueError("An account needs an email address.")
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Like create_user, with every right; whoever has the server's shell need not confirm the address."""
        user = self.create_user(email, password, **{"is_staff": True, "is_superuser": True, **fields})
        user.confirm_email()
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    email = models.EmailField(_("email address"))
    full_name = models.CharField(_("full name"), max_length=200, blank=True)
    is_active = models.BooleanField(_("active"), default=True, help_text=_("Unset this to block the account."))
    is_staff = models.BooleanField(_("staff"), default=False, help_text=_("May open the admin site."))
    date_joined = models.DateTimeField(_("date joined"), default=timezone.now)
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True)
    language = models.CharField(_("language"), max_length=10, blank=True)
    sending_allowed_at = models.DateTimeField(
        _("sending allowed"), null=True, blank=True, editable=False, help_text=_("When a manager lifted the daily cap.")
    )
    # Sessions that began before are over: see get_session_auth_hash.
    signed_out_at = models.DateTimeField(_("signed out everywhere"), null=True, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        permissions = [
            ("allow_user", "Can allow users to send without the cap of new accounts"),
            ("block_user", "Can block and unblock users"),
        ]
        constraints = [
            models.UniqueConstraint(
                Lower("email"), name="user_email_once", violation_error_message=_("This address has an account.")
            )
        ]

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        super().clean()
        self.email = UserManager.normalize_email(self.email)

    def get_session_auth_hash(self) -> str:
        """What a session must know to go on: it ends with a new password, and when `signed_out_at` moves."""
        return self._session_hash()

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        for secret in settings.SECRET_KEY_FALLBACKS:
            yield self._session_hash(secret)

    def _session_hash(self, secret: str | bytes | None = None) -> str:
        signed_out = self.signed_out_at.astimezone(UTC).isoformat() if self.signed_out_at else ""
        salt = "core.models.User.get_session_auth_hash"
        return salted_hmac(salt, self.password + signed_out, secret=secret, algorithm="sha256").hexdigest()

    def confirm_email(self) -> None:
        """Count the account's address as confirmed."""
        from allauth.account.models import EmailAddress  # its app loads after this one

        EmailAddress.objects.update_or_create(user=self, email=self.email, defaults={"verified": True, "primary": True})


def is_taken(email: str) -> bool:
    """Whether an account has this address, in any capitals."""
    return User.objects.filter(email__iexact=email).exists()
