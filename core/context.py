"""What every page knows."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest


def site(_request: HttpRequest) -> dict[str, bool]:
    """Whether this is an embedded start, which has a mail catcher to show, and what new people may do."""
    return {
        "EMBEDDED": settings.EMBEDDED,
        "SIGNUP_ENABLED": settings.SIGNUP_ENABLED,
        "SENDING_REQUIRES_APPROVAL": settings.SENDING_REQUIRES_APPROVAL,
    }
