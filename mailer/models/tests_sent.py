from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mailer.models.mailings import Mailing
from mailer.models.messages import Message


class SentTest(models.Model):
    """One mail of a test send, to one address: no part of any mailing's numbers, but of its user's daily cap.

    Written before the mail is handed over, so that none goes uncounted, and settled once the server has replied; until
    then nobody knows.
    """

    class Status(models.TextChoices):
        SUCCESS = "success", _("Success")
        FAILURE = "failure", _("Failure")
        UNCERTAIN = "uncertain", _("Uncertain")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="sent_tests", db_index=False, verbose_name=_("user")
    )
    message = models.ForeignKey(
        Message, models.SET_NULL, null=True, related_name="sent_tests", verbose_name=_("message")
    )
    mailing = models.ForeignKey(
        Mailing, models.SET_NULL, null=True, related_name="sent_tests", verbose_name=_("mailing")
    )
    email = models.CharField(_("email"), max_length=254)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.UNCERTAIN)
    reply_code = models.PositiveSmallIntegerField(_("reply code"), null=True)
    enhanced_code = models.CharField(_("enhanced status code"), max_length=12, blank=True)
    server_response = models.TextField(_("server response"), blank=True)
    sent_at = models.DateTimeField(_("sent"), default=timezone.now)

    class Meta:
        verbose_name = _("test mail")
        verbose_name_plural = _("test mails")
        indexes = [models.Index(fields=["user", "sent_at"], name="sent_test_by_user")]

    def __str__(self) -> str:
        return f"{self.email}: {self.status}"
