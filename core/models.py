"""People: an account is its email address."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class UserManager(BaseUserManager["User"]):
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

    def confirm_email(self) -> None:
        """Count the account's address as confirmed."""
        from allauth.account.models import EmailAddress  # its app loads after this one

        EmailAddress.objects.update_or_create(user=self, email=self.email, defaults={"verified": True, "primary": True})
