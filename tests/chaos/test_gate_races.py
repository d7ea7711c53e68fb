"""From one second after the commit of a pause, a cancel, a window's end or an unsubscribe no body goes out against it.

CHAOS=full for 200 races each, else 50.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from core.clock import db_now
from core.models import User
from mailer.consent import unsubscribe
from mailer.delivery.audit import audit_mailing
from mailer.delivery.engine import Until
from mailer.delivery.schedule import change_status
from mailer.models import Delivery, Mailing, MailingContent
from tests.support.engine import send, until
from tests.support.mailings import make_crowd, make_mailing
from tests.support.smtp_server import SmtpServer, slow

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(os.environ.get("TEST_DB") == "sqlite", reason="one may be over before it is forbidden"),
]

AT_ONCE = 50
ROUNDS = 4 if os.environ.get("CHAOS") == "full" else 1
RECIPIENTS = 60
CROWD = 4_000  # recipients for as many unsubscribes as happen at once
GRACE = 1.0  # seconds
STATE_LEFT = {"pause": "queued", "cancel": "cancelled", "end": "expired"}


@pytest.fixture
def server(settings: Any, tmp_path: Path) -> SmtpServer:
    settings.DATA_DIR = tmp_path
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_USE_TLS = "127.0.0.1", False
    return SmtpServer(slow(0.02))


def forbid(owner: User, mailing: Mailing, how: str) -> float:
    """Returns from when on it holds, in seconds since 1970."""
    if how != "end":
        change_status(mailing.pk, how, owner)
        return time.time()
    ends_at = db_now() + timedelta(seconds=random.uniform(0, 0.5))
    Mailing.objects.filter(pk=mailing.pk).update(ends_at=ends_at)
    # An end that is moved near holds, like any change, from its commit on.
    return max(ends_at.timestamp(), time.time())


def launched(owner: User) -> list[Mailing]:
    return [change_status(make_mailing(owner).pk, "start", owner) for _race in range(AT_ONCE)]


@pytest.mark.parametrize("how", ["pause", "cancel", "end"])
async def test_nothing_goes_out_a_second_after_it_was_forbidden(
    owner: User, server: SmtpServer, settings: Any, how: str
) -> None:
    await sync_to_async(make_crowd)(owner, RECIPIENTS)
    forbidden: dict[int, float] = {}
    with server:
        settings.EMAIL_PORT = server.port
        for _round in range(ROUNDS):
            mailings = await sync_to_async(launched)(owner)
            running = asyncio.create_task(send(Until.STOPPED, concurrency=20, stop=(stop := asyncio.Event())))
            await until(partial(all_under_way, mailings))
            for mailing in random.sample(mailings, AT_ONCE):
                forbidden[mailing.pk] = await sync_to_async(forbid)(owner, mailing, how)
                await asyncio.sleep(random.uniform(0, 0.02))
            await asyncio.sleep(GRACE + 0.5)
            stop.set()
            await running
        last = await sync_to_async(last_dots)(server)
    late = {pk: last[pk] - moment for pk, moment in forbidden.items() if pk in last}
    after = sum(seconds > 0 for seconds in late.values())
    print(f"{how}: {len(late)} races, {after} with a body after it, the last {max(late.values()):.3f} s")  # noqa: T201
    assert len(late) > 0.8 * len(forbidden)
    assert max(late.values()) <= GRACE
    await sync_to_async(is_sound)(server, list(forbidden), {"sent", STATE_LEFT[how]})


async def test_nothing_goes_to_an_address_a_second_after_it_was_unsubscribed(
    owner: User, server: SmtpServer, settings: Any
) -> None:
    """Each of them is in a sender's hands at that moment."""
    await sync_to_async(make_crowd)(owner, ROUNDS * CROWD)
    mailing = await sync_to_async(change_status)((await sync_to_async(make_mailing)(owner)).pk, "start", owner)
    forbidden: dict[str, float] = {}
    with server:
        settings.EMAIL_PORT = server.port
        running = asyncio.create_task(send(Until.STOPPED, concurrency=20, stop=(stop := asyncio.Event())))
        while len(forbidden) < ROUNDS * AT_ONCE:
            delivery = await in_hand(mailing, forbidden)
            await sync_to_async(unsubscribe)(delivery)
            forbidden[delivery.email] = time.time()
            await asyncio.sleep(random.uniform(0, 0.02))
        await asyncio.sleep(GRACE + 0.5)
        stop.set()
        await running
    last = {mail.rcpt_to: mail.at for mail in server.accepted}
    late = [last[address] - moment for address, moment in forbidden.items() if address in last]
    after = sum(seconds > 0 for seconds in late)
    stopped = len(forbidden) - len(late)
    print(f"unsubscribe: {len(forbidden)} races, {stopped} stopped, {after} with a body after it")  # noqa: T201
    assert stopped
    assert max(late, default=0.0) <= GRACE
    unsubscribed = Delivery.objects.filter(email__in=forbidden)
    assert {state async for state in unsubscribed.values_list("state", flat=True)} <= {"sent", "skipped"}
    assert await unsubscribed.filter(state="skipped", attempt_count=0).acount() == stopped
    await sync_to_async(is_sound)(server, [mailing.pk], {"sent", "queued", "skipped"})


async def in_hand(mailing: Mailing, done: Iterable[str]) -> Delivery:
    """A delivery that a sender holds, to none of those addresses."""
    held = Delivery.objects.filter(mailing=mailing, state="sending").exclude(email__in=list(done))
    await until(held.aexists)
    found = [delivery async for delivery in held.select_related("mailing")]
    return random.choice(found) if found else await in_hand(mailing, done)


async def all_under_way(mailings: list[Mailing]) -> bool:
    sent = Delivery.objects.filter(mailing__in=mailings, state="sent")
    return await sent.values("mailing").distinct().acount() == AT_ONCE


def last_dots(server: SmtpServer) -> dict[int, float]:
    """When the last body of each mailing had come."""
    mailings = dict(MailingContent.objects.values_list("token", "mailing"))
    return {mailings[mail.message_id[1:].partition(".")[0]]: mail.at for mail in server.accepted}


def is_sound(server: SmtpServer, mailing_ids: list[int], states: set[str]) -> None:
    found = Delivery.objects.filter(mailing__in=mailing_ids)
    assert set(found.values_list("state", flat=True)) <= states
    sent = found.filter(state="sent").values_list("message_id", flat=True)
    assert sorted(sent) == sorted(mail.message_id for mail in server.accepted)
    for mailing_id in mailing_ids:
        assert [check for check in audit_mailing(mailing_id) if not check.ok] == []
