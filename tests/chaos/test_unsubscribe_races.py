"""From one second after the commit of an unsubscribe no body goes to that address.

The server keeps each mail waiting for up to two seconds before it lets it come, so that many come due too late.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable

import pytest
from asgiref.sync import sync_to_async

from mailer.consent import unsubscribe
from mailer.delivery.audit import audit_mailing
from mailer.delivery.engine import Until
from mailer.models import Delivery, Mailing
from tests.chaos.support.holding import HoldingServer
from tests.chaos.support.report import Report
from tests.chaos.support.sizes import Sizes
from tests.support.engine import send, until
from tests.support.lateness import lateness
from tests.support.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db(transaction=True)

CONNECTIONS = 100  # as many mails a second
RECIPIENTS = 3000  # none of the races may find it over
GRACE = 1.0  # seconds


async def test_nothing_goes_to_an_address_a_second_after_it_was_unsubscribed(
    launched: Callable[[int], Mailing],
    site: Callable[[SmtpServer | int], None],
    monkeypatch: pytest.MonkeyPatch,
    dice: random.Random,
    sizes: Sizes,
    report: Report,
) -> None:
    """Each of them is in a sender's hands at that moment, every other one's mail begun."""
    mailing = await sync_to_async(launched)(RECIPIENTS)
    unsubscribed: dict[str, float] = {}
    with (server := HoldingServer()), lateness() as late:
        site(server)
        monkeypatch.setattr("mailer.delivery.gate.TRUSTED_FOR", 0.9)
        running = asyncio.create_task(send(Until.STOPPED, concurrency=CONNECTIONS, stop=(stop := asyncio.Event())))
        try:
            while len(unsubscribed) < sizes.unsubscribed:
                delivery = await one_in_hand(mailing, unsubscribed, dice, server if len(unsubscribed) % 2 else None)
                await sync_to_async(unsubscribe)(delivery)
                unsubscribed[delivery.email] = time.time()
                await asyncio.sleep(dice.uniform(0, 0.02))
            await asyncio.sleep(GRACE)
        finally:
            stop.set()
            await running
    last = {mail.rcpt_to: mail.at for mail in server.accepted}
    latest = max(0.0, *(last.get(address, 0.0) - moment for address, moment in unsubscribed.items()))
    stopped = {to for _sender, to in server.stopped()} & unsubscribed.keys()
    words = f"{len(stopped)} mails stopped, the last body after {latest:.2f} s"
    report.add(f"{sizes.unsubscribed} unsubscribed while in hand", also=words)
    assert latest <= GRACE + 2 * late.most  # the sender's way to the wire, and the server's from it
    assert stopped
    await sync_to_async(is_sound)(mailing, server, unsubscribed)


async def one_in_hand(
    mailing: Mailing, done: Iterable[str], dice: random.Random, server: HoldingServer | None
) -> Delivery:
    """A delivery that a sender holds, to none of those addresses; where a server is given, one that waits there."""
    held = Delivery.objects.filter(mailing=mailing, state="sending").exclude(email__in=list(done))
    found: list[Delivery] = []

    async def are_found() -> list[Delivery]:
        among = held if server is None else held.filter(email__in=[to for _sender, to in list(server.held)])
        found[:] = [delivery async for delivery in among.order_by("pk").select_related("mailing")]
        return found

    await until(are_found)
    return dice.choice(found)


def is_sound(mailing: Mailing, server: SmtpServer, unsubscribed: Iterable[str]) -> None:
    found = Delivery.objects.filter(mailing=mailing)
    sent = found.filter(state="sent").values_list("message_id", flat=True)
    assert sorted(sent) == sorted(mail.message_id for mail in server.accepted)
    assert not found.filter(email__in=unsubscribed).exclude(state__in=["sent", "skipped"]).exists()
    assert not found.filter(state="skipped", attempt_count__gt=0).exists()
    assert set(found.values_list("state", flat=True)) <= {"sent", "skipped", "queued"}
    assert [check for check in audit_mailing(mailing.pk) if not check.ok] == []
