from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer, get_channel_layer

from core.models import User
from mailer.delivery import events
from mailer.delivery.events import mailing_group, publish_changes
from mailer.delivery.transitions import change_status
from tests.support.mailings import make_crowd, make_mailing

IN_MEMORY = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}


def nothing_listens(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": ["redis://127.0.0.1:1"]},
        }
    }


async def test_it_wakes_those_who_watch_the_mailing() -> None:
    layer: Any = get_channel_layer()
    watcher = await layer.new_channel()
    await layer.group_add(mailing_group(7), watcher)
    await publish_changes([7])
    assert await asyncio.wait_for(layer.receive(watcher), 30) == {"type": "mailing.changed"}


async def test_without_redis_it_says_so_and_goes_on(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    nothing_listens(settings)
    with caplog.at_level(logging.WARNING):
        await publish_changes([1, 2])
    assert caplog.text.count("did not take an event") == 1


async def test_a_frozen_redis_costs_half_a_second(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CHANNEL_LAYERS = IN_MEMORY

    async def frozen(*_args: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(InMemoryChannelLayer, "group_send", frozen)
    assert events.PUBLISH_TIMEOUT == 0.5
    monkeypatch.setattr(events, "PUBLISH_TIMEOUT", 0.02)
    await asyncio.wait_for(publish_changes([1, 2, 3]), 30)


@pytest.mark.django_db(transaction=True)
def test_a_change_of_status_goes_through_without_redis(owner: User, settings: Any) -> None:
    nothing_listens(settings)
    make_crowd(owner, 1)
    assert change_status(make_mailing(owner).pk, "start", owner).status == "sending"


async def test_a_publisher_stops_when_it_is_cancelled_as_the_layer_answers(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CHANNEL_LAYERS = IN_MEMORY

    async def publish_for_ever() -> None:
        while True:
            await publish_changes([1])
            await asyncio.sleep(0)

    publisher = asyncio.create_task(publish_for_ever())

    async def cancelling(*_args: object) -> None:
        await asyncio.sleep(0)
        publisher.cancel()

    monkeypatch.setattr(InMemoryChannelLayer, "group_send", cancelling)
    await asyncio.wait([publisher], timeout=30)
    assert publisher.cancelled()
