"""What `manage.py check --deploy` says about the mail."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register

NO_UNSUBSCRIBE_KEY = Warning(
    "UNSUBSCRIBE_KEY is empty: the links to unsubscribe are signed with SECRET_KEY, and end with it.",
    hint="Give it the value of SECRET_KEY now, so that the links stay good; it must outlive a new SECRET_KEY.",
    id="mailer.W001",
)


@register(Tags.security, deploy=True)
def check_unsubscribe_key(**_options: Any) -> list[CheckMessage]:
    return [] if settings.UNSUBSCRIBE_KEY else [NO_UNSUBSCRIBE_KEY]
