"""Tells whoever watches a mailing that it has changed. Only a wake-up: what has changed is read from the database."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction

logger = logging.getLogger(__name__)

PUBLISH_TIMEOUT = 0.5  # seconds; a frozen Redis may cost no more


def mailing_group(mailing_id: int) -> str:
    """The channel layer's group of a mailing's watchers; they get {"type": "mailing.changed"}."""
    return f"mailing.{mailing_id}"


async def publish_changes(mailing_ids: Iterable[int]) -> None:
    """Wake the watchers of these mailings. Never raises: without it they look every second by themselves."""
    for mailing_id in mailing_ids:
        try:
            # Not wait_for: on Python 3.11 it loses a cancellation that comes as the inner call ends.
            async with asyncio.timeout(PUBLISH_TIMEOUT):
                await _publish(mailing_id)
        except Exception as error:  # whatever the layer's backend raises
            logger.warning("The channel layer did not take an event: %r", error)
            return


async def _publish(mailing_id: int) -> None:
    layer: Any = get_channel_layer()
    message = {"type": "mailing.changed"}
    try:
        await layer.group_send(mailing_group(mailing_id), message)
    except ConnectionError:  # the first publish after a Redis restart finds the old connection
        await layer.group_send(mailing_group(mailing_id), message)


def publish_on_commit(mailing_id: int) -> None:
    """From synchronous code inside a transaction: publish once it has been committed."""
    transaction.on_commit(lambda: async_to_sync(publish_changes)([mailing_id]))
