"""Stops a mailing that is refused to one recipient after another for what it is."""

from __future__ import annotations

from core.paging import newest_first
from mailer.delivery.rules import blames_content
from mailer.models import attempts_of

LOOKED_AT = 20  # newest attempts of a mailing
TOO_MANY = 10  # of them refused for the mail's content or by policy


def is_refused_too_often(mailing_id: int) -> bool:
    """Whether the newest attempts show that it is the mail that is refused, not these recipients."""
    newest = newest_first(attempts_of(mailing_id))
    replies = newest.values_list("reply_code", "enhanced_code", "server_response")[:LOOKED_AT]
    return sum(blames_content(*reply) for reply in replies) >= TOO_MANY
