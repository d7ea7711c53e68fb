from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.paging import within
from mailer.addresses import address_key


class Recipient(models.Model):
    """A person in an owner's address book."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="recipients", db_index=False, verbose_name=_("owner")
    )
    email = models.CharField(_("email"), max_length=254)
    address_key = models.CharField(_("mailbox"), max_length=320, editable=False)
    full_name = models.CharField(_("full name"), max_length=200, blank=True)
    comment = models.TextField(_("comment"), blank=True, max_length=2000)
    created_at = models.DateTimeField(_("added"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("recipient")
        verbose_name_plural = _("recipients")
        constraints = [models.UniqueConstraint(fields=["owner", "address_key"], name="recipient_once_per_owner")]
        indexes = [models.Index(fields=["owner", "id"], name="recipient_by_owner")]

    def __str__(self) -> str:
        return f"{self.full_name} <{self.email}>" if self.full_name else self.email

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.address_key = address_key(self.email)
        super().save(*args, **kwargs)


def recipients_of(owner_id: int) -> models.QuerySet[Recipient]:
    """The owner's address book, for pages by key."""
    return within(Recipient.objects.all(), "-owner_id", owner_id)
