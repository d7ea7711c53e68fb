"""From one second after the commit of an unsubscribe no body goes to that address.

CHAOS=full for 200 races, else 20.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable, Iterable

import pytest
from asgiref.sync import sync_to_async

from core.models import User
from mailer.consent import unsubscribe
from mailer.delivery.audit import audit_mailing
from mailer.delivery.engine import Until
from mailer.delivery.schedule import change_status
from mailer.models import Delivery, Mailing
from tests.support.engine import send, until
from tests.support.mailings import make_crowd, make_mailing
from tests.support.smtp_server import SmtpServer, slow

pytestmark = pytest.mark.django_db(transaction=True)

RACES = 200 if os.environ.get("CHAOS") == "full" else 20
RECIPIENTS = 100 * RACES  # none of the races may find it over
GRACE = 1.0  # seconds


def launched(owner: User) -> Mailing:
    make_crowd(owner, RECIPIENTS)
    return change_status(make_mailing(owner).pk, "start", owner)


async def test_nothing_goes_to_an_address_a_second_after_it_was_unsubscribed(
    owner: User, site: Callable[[SmtpServer | int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them is in a sender's hands at that moment."""
    mailing = await sync_to_async(launched)(owner)
    unsubscribed: dict[str, float] = {}
    with SmtpServer(slow(0.02)) as server:
        site(server)
        monkeypatch.setattr("mailer.delivery.gate.TRUSTED_FOR", 0.9)
        running = asyncio.create_task(send(Until.STOPPED, concurrency=20, stop=(stop := asyncio.Event())))
        while len(unsubscribed) < RACES:
            delivery = await in_hand(mailing, unsubscribed)
            await sync_to_async(unsubscribe)(delivery)
            unsubscribed[delivery.email] = time.time()
            await asyncio.sleep(random.uniform(0, 0.02))
        await asyncio.sleep(GRACE)
        stop.set()
        await running
    last = {mail.rcpt_to: mail.at for mail in server.accepted}
    late = [last[address] - moment for address, moment in unsubscribed.items() if address in last]
    after = sum(seconds > 0 for seconds in late)
    print(f"unsubscribe: {RACES} races, {RACES - len(late)} stopped, {after} with a body after it")  # noqa: T201
    assert max(late, default=0.0) <= GRACE
    await sync_to_async(is_sound)(mailing, server, unsubscribed)


async def in_hand(mailing: Mailing, done: Iterable[str]) -> Delivery:
    """A delivery that a sender holds, to none of those addresses."""
    held = Delivery.objects.filter(mailing=mailing, state="sending").exclude(email__in=list(done))
    await until(held.aexists)
    found = [delivery async for delivery in held.select_related("mailing")]
    return random.choice(found) if found else await in_hand(mailing, done)


def is_sound(mailing: Mailing, server: SmtpServer, unsubscribed: Iterable[str]) -> None:
    found = Delivery.objects.filter(mailing=mailing)
    sent = found.filter(state="sent").values_list("message_id", flat=True)
    assert sorted(sent) == sorted(mail.message_id for mail in server.accepted)
    assert not found.filter(email__in=unsubscribed).exclude(state__in=["sent", "skipped"]).exists()
    assert not found.filter(state="skipped", attempt_count__gt=0).exists()
    assert set(found.values_list("state", flat=True)) <= {"sent", "skipped", "queued"}
    assert [check for check in audit_mailing(mailing.pk) if not check.ok] == []
