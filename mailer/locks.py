"""Rows that are locked until the transaction ends, so that they stay as a decision found them.

In this order, by whoever needs more than one: mailings by their keys, the message, recipients, deliveries. None is on
the row's key, for which rows that point to it ask as they are written.
"""

from __future__ import annotations

from mailer.models import Mailing, Message


def locked_mailing(mailing_id: int) -> Mailing:
    """The mailing with its row locked until the transaction ends.

    Not its key: a claim or a batch of results that begins a counter asks for that as it commits, with rows in its hands
    that whoever holds this lock may wait for.
    """
    return Mailing.objects.select_for_update(of=("self",), no_key=True).get(pk=mailing_id)


def locked_message(message_id: int) -> Message:
    """The message: it and its files stay as they are. Raises Message.DoesNotExist."""
    return Message.objects.select_for_update(of=("self",), no_key=True).get(pk=message_id)
