from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Message(models.Model):
    """Reusable content: a subject and a body, with merge tags."""

    class Kind(models.TextChoices):
        TEXT = "text", _("Plain text")
        MARKDOWN = "markdown", "Markdown"
        HTML = "html", "HTML"

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="mail_messages", verbose_name=_("owner")
    )
    subject = models.CharField(_("subject"), max_length=300, blank=True)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices, default=Kind.TEXT)
    body = models.TextField(_("body"), max_length=200_000)
    alternative = models.TextField(
        _("plain text"),
        max_length=200_000,
        blank=True,
        help_text=_("For mail programs that show no HTML. Leave it empty, and it is made from the body."),
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")

    def __str__(self) -> str:
        return self.subject or str(_("(no subject)"))


class Attachment(models.Model):
    """A file that goes with a message. In the database, since senders may run on other machines."""

    message = models.ForeignKey(Message, models.CASCADE, related_name="attachments", verbose_name=_("message"))
    name = models.CharField(_("name"), max_length=150)
    content_type = models.CharField(_("type"), max_length=100)
    size = models.PositiveIntegerField(_("size"))  # bytes
    # By what the HTML names it as `cid:…`; for pictures alone. It goes as a file where the HTML does not.
    content_id = models.CharField("Content-ID", max_length=180, blank=True)
    data = models.BinaryField(_("data"))
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("attachment")
        verbose_name_plural = _("attachments")

    def __str__(self) -> str:
        return self.name
