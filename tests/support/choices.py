"""Choices about deliveries, made the way a person makes them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from core.models import User
from mailer.delivery.choices import Act, decide, last_decision
from mailer.models import Delivery, Mailing


def choose(
    mailing: Mailing,
    choice: str,
    actor: User,
    *,
    seen: int | None = None,
    ends_at: datetime | None = None,
    **among: Any,
) -> int:
    """Choose for all of the mailing's deliveries that fit `among`, after a look at the page. Returns how many moved."""
    seen = last_decision(mailing.pk) if seen is None else seen
    return decide(Act(mailing.pk, choice, actor, Delivery.objects.filter(**among), seen), ends_at)
