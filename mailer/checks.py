"""What `manage.py check` says about the mail.

At every start of EMAIL_BACKEND and of DKIM's keys, with `--deploy` of UNSUBSCRIBE_KEY.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.mail.backends.base import BaseEmailBackend
from django.utils.module_loading import import_string

from mailer.delivery.dkim_keys import ADVISED_RSA, is_short, read_key
from mailer.domains.names import domain_of, is_aligned

NO_UNSUBSCRIBE_KEY = Warning(
    "UNSUBSCRIBE_KEY is empty: the links to unsubscribe are signed with SECRET_KEY, and end with it.",
    hint="Give it the value of SECRET_KEY now, so that the links stay good; it must outlive a new SECRET_KEY.",
    id="mailer.W003",
)


@register
def email_backend(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """One that would fail at the first mail."""
    try:
        backend = import_string(settings.EMAIL_BACKEND)
    except ImportError as error:
        return [_unusable(f"can't be imported: {error}")]
    is_one = isinstance(backend, type) and issubclass(backend, BaseEmailBackend)
    return [] if is_one else [_unusable("is no mail backend")]


def _unusable(why: str) -> Error:
    return Error(
        f"EMAIL_BACKEND {settings.EMAIL_BACKEND} {why}.",
        hint="Name a class like django.core.mail.backends.smtp.EmailBackend in .env or the environment.",
        id="mailer.E001",
    )


@register
def dkim_settings(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Keys that sign in vain, or weakly."""
    if not settings.DKIM_KEY_FILE:
        return []
    domains = sorted({domain_of(address) for address in (settings.DEFAULT_FROM_EMAIL, *settings.FROM_ADDRESSES)})
    return [*(warning for domain in domains for warning in _alignment(domain)), *_short_keys()]


def _alignment(sender: str) -> list[CheckMessage]:
    if is_aligned(sender, settings.DKIM_DOMAIN):
        return []
    return [
        Warning(
            f"Mail comes from {sender} but is signed for {settings.DKIM_DOMAIN}: DMARC does not count that.",
            hint="Set DKIM_DOMAIN to the domain of your senders, or to one that it belongs to.",
            id="mailer.W001",
        )
    ]


def _short_keys() -> list[CheckMessage]:
    return [
        Warning(
            f"{file} has fewer than {ADVISED_RSA} bits.",
            hint="Make a longer key with manage.py make_dkim_key.",
            id="mailer.W002",
        )
        for file in settings.DKIM_KEY_FILE
        if is_short(read_key(file))
    ]


@register(Tags.security, deploy=True)
def check_unsubscribe_key(**_options: Any) -> list[CheckMessage]:
    return [] if settings.UNSUBSCRIBE_KEY else [NO_UNSUBSCRIBE_KEY]
