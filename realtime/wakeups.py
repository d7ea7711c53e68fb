"""Hears from the channel layer that a mailing has changed. A dead or frozen one costs nothing but the wake-ups."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

from channels.layers import get_channel_layer

from mailer.delivery.events import mailing_group

logger = logging.getLogger(__name__)

PATIENCE = 2.0  # seconds for the layer to answer
RETRY_AFTER = 10.0  # seconds


async def listen(mailing_id: int, changed: Callable[[], object]) -> None:
    """Call `changed` for every message to the mailing's group, until cancelled; join again where that failed."""
    layer: Any = get_channel_layer()
    group = mailing_group(mailing_id)
    while True:
        try:
            async with asyncio.timeout(PATIENCE):
                channel = await layer.new_channel()
                await layer.group_add(group, channel)
            await _hear(layer, group, channel, changed)
        except Exception as error:  # whatever the layer's backend raises
            logger.warning("The channel layer does not answer, pages look every second: %r", error)
        await asyncio.sleep(RETRY_AFTER)


async def _hear(layer: Any, group: str, channel: str, changed: Callable[[], object]) -> None:
    changed()  # what came before the group was joined
    try:
        while True:
            await layer.receive(channel)
            changed()
    finally:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(PATIENCE):
                await layer.group_discard(group, channel)
