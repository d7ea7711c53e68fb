"""A manager's act on a person's account is audited; a blocked person's mailings pause."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.dispatch import receiver

from core.models import User
from core.people import user_changed
from mailer.delivery.schedule import pause_mailings_of_blocked
from mailer.models import AuditEntry


@receiver(user_changed)
def note_change(user: User, actor: User, act: str, before: str, after: str, **_signal: Any) -> None:
    AuditEntry.objects.create(actor=actor, action=act, user=user, before=before, after=after)
    if act == "block":
        transaction.on_commit(lambda: pause_mailings_of_blocked(actor, user))
