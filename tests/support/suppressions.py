"""Suppressions, made the way pages make them."""

from __future__ import annotations

from core.models import User
from mailer.consent import Ground, suppress


def suppress_for(owner: User | None, *keys: str, reason: str = "manual") -> int:
    return suppress(Ground(owner.pk if owner else None, reason), keys)
