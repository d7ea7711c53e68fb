from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from mailer.models.deliveries import Delivery


class Suppression(models.Model):
    """One reason for which an address gets no mailing of an owner's, or without an owner of anybody's on this site.

    It holds until it is lifted, and stays as history then. An address may have several: it is mailed again when the
    last one is lifted.
    """

    class Reason(models.TextChoices):
        UNSUBSCRIBED = "unsubscribed", pgettext_lazy("suppression", "Unsubscribed")
        HARD_BOUNCE = "hard_bounce", pgettext_lazy("suppression", "Hard bounce")
        COMPLAINT = "complaint", pgettext_lazy("suppression", "Complaint")
        MANUAL = "manual", pgettext_lazy("suppression", "By hand")
        IMPORTED = "imported", pgettext_lazy("suppression", "Imported")

    class Why(models.TextChoices):
        """What a person may say who unsubscribes."""

        TOO_MANY = "too_many", _("I get too many mails")
        NOT_INTERESTED = "not_interested", _("I am not interested any more")
        NEVER_ASKED = "never_asked", _("I never asked for them")
        OTHER = "other", _("Something else")

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        null=True,
        related_name="suppressions",
        db_index=False,
        verbose_name=_("owner"),
    )
    address_key = models.CharField(_("mailbox"), max_length=320)
    reason = models.CharField(_("reason"), max_length=20, choices=Reason.choices)
    source = models.TextField(_("source"), blank=True)  # the server's words, a file's name, or a note
    delivery = models.ForeignKey(
        Delivery, models.SET_NULL, null=True, related_name="+", db_index=False, verbose_name=_("delivery")
    )
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name=_("added by"),
    )
    why = models.CharField(_("why"), max_length=20, choices=Why.choices, blank=True)
    words = models.TextField(_("their own words"), max_length=500, blank=True)
    created_at = models.DateTimeField(_("since"), default=timezone.now)
    lifted_at = models.DateTimeField(_("lifted"), null=True)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name=_("lifted by"),
    )
    lift_reason = models.CharField(_("why it was lifted"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("suppression")
        verbose_name_plural = _("suppressions")
        constraints = [
            # It begins with the address: one look finds the owner's and the site's.
            models.UniqueConstraint(
                fields=["address_key", "owner", "reason"], condition=Q(lifted_at=None), name="suppression_once"
            ),
            models.UniqueConstraint(
                fields=["address_key", "reason"],
                condition=Q(lifted_at=None, owner=None),
                name="suppression_once_by_site",
            ),
        ]
        indexes = [
            models.Index(fields=["owner", "-id"], name="suppression_by_owner"),
            models.Index(fields=["address_key", "owner"], name="suppression_history"),
        ]

    def __str__(self) -> str:
        return f"{self.address_key}: {self.reason}"
