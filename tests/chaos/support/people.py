"""What people do on the pages meanwhile."""

from __future__ import annotations

from django.test import Client
from django.urls import reverse

from mailer.models import Recipient


def delete_recipient(recipient: Recipient) -> None:
    """As the owner does it, on its page."""
    client = Client()
    client.force_login(recipient.owner)
    assert client.post(reverse("recipient_delete", args=[recipient.pk])).status_code == 302
    assert not Recipient.objects.filter(pk=recipient.pk).exists()
