from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from core.paging import ByKey, within
from mailer.models.mailings import Mailing
from mailer.models.recipients import Recipient


class Worker(models.Model):
    """A sending process. One small UPDATE every few seconds renews the lease on all that it has claimed."""

    host = models.CharField(_("machine"), max_length=255)
    boot_id = models.CharField(_("boot"), max_length=64)
    started_at = models.DateTimeField(_("started"))
    last_seen = models.DateTimeField(_("last seen"))
    lease_expires_at = models.DateTimeField(_("lease expires"), db_index=True)
    swept_at = models.DateTimeField(
        _("taken over"), null=True, help_text=_("When another worker took its claims over: it may not go on.")
    )
    trouble = models.TextField(_("trouble"), blank=True, help_text=_("Why it cannot send at present."))
    mark = models.PositiveBigIntegerField(
        _("mark"), default=0, help_text=_("Counts its claims and renewals; the sender's folder knows it too.")
    )

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")

    def __str__(self) -> str:
        return f"{self.host} #{self.pk}"


class Delivery(models.Model):
    """One mailing × one recipient: the unit of work. Composing reads nothing else, so that a retry is the same mail."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        SENDING = "sending", pgettext_lazy("delivery", "Sending")
        DEFERRED = "deferred", _("Deferred")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Failed")
        UNCERTAIN = "uncertain", _("Uncertain")
        SKIPPED = "skipped", _("Skipped")
        EXPIRED = "expired", _("Expired")
        CANCELLED = "cancelled", pgettext_lazy("delivery", "Cancelled")

    OPEN = (State.QUEUED, State.SENDING, State.DEFERRED)
    WAITING = (State.QUEUED, State.DEFERRED)

    # Neither the mailing nor the worker is a foreign key for the database: docs/decisions/0013.
    mailing = models.ForeignKey(
        Mailing,
        models.PROTECT,
        related_name="deliveries",
        db_index=False,
        db_constraint=False,
        verbose_name=_("mailing"),
    )
    recipient = models.ForeignKey(
        Recipient, models.SET_NULL, null=True, related_name="deliveries", verbose_name=_("recipient")
    )
    email = models.CharField(_("email"), max_length=254)
    address_key = models.CharField(_("mailbox"), max_length=320)
    full_name = models.CharField(_("full name"), max_length=200, blank=True)
    merge_data = models.JSONField(_("merge data"), default=dict)
    message_id = models.CharField("Message-ID", max_length=320)
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.QUEUED)
    state_reason = models.CharField(_("reason"), max_length=300, blank=True)
    attempt_count = models.PositiveIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt"))
    worker = models.ForeignKey(
        Worker,
        models.PROTECT,
        null=True,
        related_name="deliveries",
        db_index=False,
        db_constraint=False,
        verbose_name=_("worker"),
    )
    dated_at = models.DateTimeField(
        _("date of the mail"), null=True, help_text=_("Set when first claimed, kept by every retry.")
    )

    # How often it broke the connection in its own transaction, and when it first did, by its worker's clock.
    break_count = models.PositiveSmallIntegerField(_("broken connections"), db_default=0)
    broke_at = models.DateTimeField(_("first broken"), null=True)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        constraints = [models.UniqueConstraint(fields=["mailing", "address_key"], name="delivery_once_per_mailing")]
        indexes = [
            models.Index(
                fields=["mailing", "next_attempt_at", "id"],
                name="delivery_due",
                condition=Q(state__in=["queued", "deferred"]),
            ),
            models.Index(fields=["worker"], name="delivery_claimed", condition=Q(state="sending")),
            models.Index(fields=["mailing", "state", "-id"], name="delivery_by_state"),
            models.Index(fields=["broke_at"], name="delivery_broken", condition=Q(broke_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.email} ({self.state})"


def deliveries_of(mailing: Mailing) -> models.QuerySet[Delivery]:
    """The mailing's deliveries, between the keys that are theirs: so a page by key begins where they do."""
    deliveries = Delivery.objects.filter(ByKey(F("mailing_id"), mailing.pk), pk__gt=mailing.deliveries_after)
    return deliveries if mailing.deliveries_to is None else deliveries.filter(pk__lte=mailing.deliveries_to)


def deliveries_in(state: str, mailing_id: int) -> models.QuerySet[Delivery]:
    """Those of the mailing's deliveries that are in this state, for pages by key."""
    return within(Delivery.objects.filter(state=state), "mailing_id", mailing_id)


class Attempt(models.Model):
    """One SMTP transaction for a delivery. Append-only, but for an uncertain one that late evidence settles once."""

    class Status(models.TextChoices):
        SUCCESS = "success", _("Success")
        FAILURE = "failure", _("Failure")
        UNCERTAIN = "uncertain", _("Uncertain")

    # Neither is a foreign key for the database: docs/decisions/0013.
    delivery = models.ForeignKey(
        Delivery,
        models.PROTECT,
        related_name="attempts",
        db_index=False,
        db_constraint=False,
        verbose_name=_("delivery"),
    )
    mailing = models.ForeignKey(
        Mailing,
        models.PROTECT,
        related_name="attempts",
        db_index=False,
        db_constraint=False,
        verbose_name=_("mailing"),
    )
    number = models.PositiveIntegerField(_("number"))
    status = models.CharField(_("status"), max_length=10, choices=Status.choices)
    reply_code = models.PositiveSmallIntegerField(_("reply code"), null=True)
    enhanced_code = models.CharField(_("enhanced status code"), max_length=12, blank=True)
    server_response = models.TextField(_("server response"), blank=True)
    started_at = models.DateTimeField(_("started"))
    finished_at = models.DateTimeField(_("finished"), default=timezone.now)
    missing_journal = models.PositiveBigIntegerField(
        _("missing journal"),
        null=True,
        help_text=_("The worker whose journal or late reply may yet tell what became of it."),
    )
    evidence = models.CharField(_("evidence"), max_length=300, blank=True)
    resolved_at = models.DateTimeField(_("settled"), null=True)

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        constraints = [models.UniqueConstraint(fields=["delivery", "number"], name="attempt_once_per_number")]
        indexes = [
            # Pages read them backwards. Newest first PostgreSQL would leave their pages half empty.
            models.Index(fields=["mailing", "id"], name="attempt_newest"),
            models.Index(fields=["mailing", "id"], name="attempt_not_success", condition=~Q(status="success")),
            models.Index(fields=["missing_journal"], name="attempt_unknown", condition=Q(status="uncertain")),
        ]

    def __str__(self) -> str:
        return f"{self.delivery_id} #{self.number}: {self.status}"


def attempts_of(mailing_id: int) -> models.QuerySet[Attempt]:
    """The mailing's attempts, for pages by key."""
    return within(Attempt.objects.all(), "-mailing_id", mailing_id)


class Decision(models.Model):
    """What a person chose to do about a delivery that was not sent, or of which nobody knows. Append-only."""

    class Choice(models.TextChoices):
        RETRY_FAILED = "retry_failed", _("Retry failed")
        EXTEND = "extend", _("Mail the rest")
        RESEND = "resend", _("Resend (may arrive twice)")
        TREAT_AS_SENT = "treat_as_sent", _("Treat as sent")

    delivery = models.ForeignKey(Delivery, models.PROTECT, related_name="decisions", verbose_name=_("delivery"))
    mailing = models.ForeignKey(
        Mailing, models.PROTECT, related_name="decisions", db_index=False, verbose_name=_("mailing")
    )
    choice = models.CharField(_("choice"), max_length=20, choices=Choice.choices)
    attempt_number = models.PositiveIntegerField(_("after attempt"))  # the delivery's last one then, or 0
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("by")
    )
    made_at = models.DateTimeField(_("when"), default=timezone.now)

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        indexes = [
            models.Index(fields=["mailing", "-id"], name="decision_newest"),
            models.Index(fields=["mailing"], name="decision_resend", condition=Q(choice="resend")),
        ]

    def __str__(self) -> str:
        return f"{self.delivery_id} #{self.attempt_number}: {self.choice}"
