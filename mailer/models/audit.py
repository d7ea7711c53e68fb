from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mailer.models.mailings import Mailing
from mailer.models.suppressions import Suppression


class AuditEntry(models.Model):
    """Who did what to which mailing, user or suppression, when, before and after. Append-only."""

    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("by")
    )
    action = models.CharField(_("action"), max_length=40)
    mailing = models.ForeignKey(
        Mailing, models.CASCADE, null=True, related_name="audit_entries", verbose_name=_("mailing")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="audit_entries", verbose_name=_("user")
    )
    suppression = models.ForeignKey(
        Suppression, models.SET_NULL, null=True, related_name="audit_entries", verbose_name=_("suppression")
    )
    before = models.CharField(_("before"), max_length=300, blank=True)
    after = models.CharField(_("after"), max_length=300, blank=True)
    reason = models.CharField(_("reason"), max_length=40, blank=True)  # one of mailer/reasons.py
    words = models.TextField(_("quotation"), blank=True)  # what the reason quotes
    created_at = models.DateTimeField(_("when"), default=timezone.now)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")

    def __str__(self) -> str:
        return f"{self.action}: {self.before} → {self.after}"
