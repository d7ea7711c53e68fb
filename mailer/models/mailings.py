from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mailer.models.messages import Message
from mailer.models.recipients import Recipient
from mailer.reasons import StatusReason
from mailer.senders import validate_address, validate_from_address, validate_name


class Mailing(models.Model):
    """One send: a message, its audience, a window, a status. The status changes in `delivery/schedule.py` alone."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("Draft")
        SCHEDULED = "scheduled", _("Scheduled")
        SENDING = "sending", _("Sending")
        PAUSED = "paused", _("Paused")
        COMPLETED = "completed", _("Completed")
        CANCELLED = "cancelled", _("Cancelled")

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="mailings", verbose_name=_("owner")
    )
    message = models.ForeignKey(Message, models.PROTECT, related_name="mailings", verbose_name=_("message"))
    everyone = models.BooleanField(_("everyone"), default=True)
    recipients = models.ManyToManyField(Recipient, blank=True, related_name="mailings", verbose_name=_("recipients"))
    from_name = models.CharField(_("sender’s name"), max_length=100, blank=True, validators=[validate_name])
    from_address = models.CharField(
        _("sender’s address"), max_length=254, blank=True, validators=[validate_from_address]
    )
    reply_to = models.CharField(_("replies go to"), max_length=254, blank=True, validators=[validate_address])
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.DRAFT, editable=False)
    status_reason = models.CharField(_("reason"), max_length=40, blank=True, editable=False)
    status_words = models.TextField(_("quotation"), blank=True, editable=False)  # what the reason quotes
    launched_at = models.DateTimeField(_("launched"), null=True, editable=False)
    materialised_at = models.DateTimeField(_("deliveries made"), null=True, editable=False)
    # How far making its deliveries has come: the key of the last recipient who has one.
    materialised_to = models.BigIntegerField(_("deliveries made up to"), default=0, editable=False)
    # Its deliveries' keys lie in between: so a page of them is found without an index of its own, which each mail would
    # have to pay for.
    deliveries_after = models.BigIntegerField(_("deliveries after"), default=0, editable=False)
    deliveries_to = models.BigIntegerField(_("deliveries up to"), null=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("mailing")
        verbose_name_plural = _("mailings")
        permissions = [("stop_mailing", "Can pause and cancel anybody's mailing")]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="mailing_ends_after_start",
                violation_error_message=_("The end must come after the start."),
            )
        ]
        indexes = [
            models.Index(fields=["status", "starts_at"], name="mailing_by_status"),
            models.Index(fields=["owner", "-id"], name="mailing_by_owner"),
        ]

    def __str__(self) -> str:
        return f"{self.message} #{self.pk}"

    def is_active(self, now: datetime) -> bool:
        """Inside the window, and scheduled or sending."""
        return self.starts_at <= now < self.ends_at and self.status in (self.Status.SCHEDULED, self.Status.SENDING)

    @property
    def why(self) -> StatusReason:
        """Why it has the status that it has, where there is something to say."""
        return StatusReason(self.status_reason, self.status_words)

    @property
    def is_launched(self) -> bool:
        """Whether its content is frozen and its deliveries are made: from here on its ledger stays."""
        return self.launched_at is not None


class MailingContent(models.Model):
    """Message, sender and headers as frozen at launch: editing the message never changes a mailing under way."""

    mailing = models.OneToOneField(
        Mailing, models.PROTECT, related_name="content", primary_key=True, verbose_name=_("mailing")
    )
    subject = models.CharField(_("subject"), max_length=300, blank=True)
    body = models.TextField(_("plain text"))
    html = models.TextField("HTML", blank=True)
    from_email = models.CharField(_("sender"), max_length=500)
    reply_to = models.CharField(_("replies go to"), max_length=254, blank=True)
    message_id_domain = models.CharField(_("Message-ID’s domain"), max_length=255)
    token = models.CharField(_("token"), max_length=32, unique=True)
    frozen_at = models.DateTimeField(_("frozen"), default=timezone.now)

    class Meta:
        verbose_name = _("frozen content")
        verbose_name_plural = _("frozen contents")

    def __str__(self) -> str:
        return self.subject


class FrozenAttachment(models.Model):
    """A file of the message as it was at launch. One with a `content_id` is shown within the HTML."""

    frozen_content = models.ForeignKey(
        MailingContent, models.PROTECT, related_name="attachments", verbose_name=_("frozen content")
    )
    name = models.CharField(_("name"), max_length=150)
    content_type = models.CharField(_("type"), max_length=100)
    size = models.PositiveIntegerField(_("size"))  # bytes
    content_id = models.CharField("Content-ID", max_length=180, blank=True)
    data = models.BinaryField(_("data"))

    class Meta:
        verbose_name = _("frozen attachment")
        verbose_name_plural = _("frozen attachments")

    def __str__(self) -> str:
        return self.name


class MailingCount(models.Model):
    """How many deliveries of a mailing are in a state, as moved by one worker (0: pages and commands).

    Each worker changes only its own rows, so that workers never wait for one another; a row alone may be negative,
    the sum over workers is the number.
    """

    mailing = models.ForeignKey(Mailing, models.PROTECT, related_name="counts", verbose_name=_("mailing"))
    worker = models.PositiveBigIntegerField(_("worker"), default=0)
    state = models.CharField(_("state"), max_length=10)
    n = models.BigIntegerField(_("how many"), default=0)

    class Meta:
        verbose_name = _("count of deliveries")
        verbose_name_plural = _("counts of deliveries")
        constraints = [models.UniqueConstraint(fields=["mailing", "worker", "state"], name="mailing_count_once")]

    def __str__(self) -> str:
        return f"{self.mailing_id} {self.state}: {self.n}"


class AttemptCount(models.Model):
    """How many attempts of a mailing ended in a status within an hour (its start, UTC), as counted by one worker.

    Each worker changes only its own rows, as with MailingCount.
    """

    mailing = models.ForeignKey(Mailing, models.PROTECT, related_name="attempt_counts", verbose_name=_("mailing"))
    worker = models.PositiveBigIntegerField(_("worker"), default=0)
    hour = models.DateTimeField(_("hour"), db_index=True)
    status = models.CharField(_("status"), max_length=10)
    n = models.BigIntegerField(_("how many"), default=0)

    class Meta:
        verbose_name = _("count of attempts")
        verbose_name_plural = _("counts of attempts")
        constraints = [
            models.UniqueConstraint(fields=["mailing", "worker", "hour", "status"], name="attempt_count_once")
        ]

    def __str__(self) -> str:
        return f"{self.mailing_id} {self.hour:%Y-%m-%d %H:00} {self.status}: {self.n}"
