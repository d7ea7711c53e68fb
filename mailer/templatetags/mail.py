"""Words and numbers of the mailings' pages."""

from __future__ import annotations

from django.template import Library

from mailer import durations, skipped
from mailer.addresses import readable_address
from mailer.own_words import ENGINE

register = Library()


@register.filter
def duration(seconds: int) -> str:
    return durations.duration(seconds)


@register.filter
def told(words: str, reply_code: int | None = None) -> str:
    """What a server said, as it said it; what we say ourselves where it gave no reply, in the reader's language."""
    return words if reply_code else ENGINE.told(words)


@register.filter
def why_skipped(word: str) -> str:
    """A delivery's `state_reason`, in the reader's language."""
    return skipped.why_skipped(word)


@register.filter
def readable(address_key: str) -> str:
    """An `address_key`, its domain in its own script."""
    return readable_address(address_key)
