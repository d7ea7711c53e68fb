"""From one second after the commit of a pause, a cancel or a window's end no body goes out that it forbids.

The server keeps each mail waiting for up to two seconds before it lets it come, so that many come due too late.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db.models import Q

from core.clock import db_now
from core.models import User
from mailer.delivery.audit import audit_mailing
from mailer.delivery.engine import Until
from mailer.delivery.transitions import change_status
from mailer.models import Delivery, Mailing, MailingContent
from tests.chaos.support.holding import HoldingServer
from tests.chaos.support.report import Report
from tests.chaos.support.sizes import Sizes
from tests.support.engine import send, until
from tests.support.lateness import lateness
from tests.support.mailings import make_crowd, make_mailing

pytestmark = pytest.mark.django_db(transaction=True)

HOW = {"pause": "queued", "cancel": "cancelled", "end": "expired"}  # and what its mails become that were not sent
RECIPIENTS = 60  # none of the mailings may be over before it is forbidden
GRACE = 1.0  # seconds
AUDITED = 30  # mailings


@pytest.fixture
def server(settings: Any, tmp_path: Path) -> HoldingServer:
    settings.DATA_DIR = tmp_path
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_USE_TLS = "127.0.0.1", False
    return HoldingServer()


@dataclass(frozen=True)
class Race:
    mailing_id: int
    how: str
    holds_from: float  # seconds since 1970


async def test_nothing_goes_out_a_second_after_it_was_forbidden(
    owner: User, server: HoldingServer, settings: Any, dice: random.Random, sizes: Sizes, report: Report
) -> None:
    await sync_to_async(make_crowd)(owner, RECIPIENTS)
    races: list[Race] = []
    with server, lateness() as late:
        settings.EMAIL_PORT = server.port
        for _round in range(sizes.rounds):
            mailing_ids = await sync_to_async(launched)(owner, sizes.at_once)
            stop = asyncio.Event()
            running = asyncio.create_task(send(Until.STOPPED, concurrency=sizes.at_once, stop=stop))
            try:
                begun = [race async for race in forbidden(mailing_ids, server, owner, dice)]
                await asyncio.sleep(GRACE)
                await until(partial(all_settled, begun))
            finally:
                stop.set()
                await running
            races += begun
    latest, stopped = last_bodies(server, races), stopped_mails(server, races)
    words = [f"{how}: {stopped[how]} mails stopped, the last body after {latest[how]:.2f} s" for how in HOW]
    report.add(f"{len(races) // len(HOW)} each of pause, cancel, window's end", also="; ".join(words))
    assert max(latest.values()) <= GRACE + 2 * late.most  # the sender's way to the wire, and the server's from it
    assert all(stopped[how] for how in HOW)
    await sync_to_async(is_sound)(server, races, dice)


def launched(owner: User, n: int) -> list[int]:
    return [launch(owner) for _mailing in range(n)]


def launch(owner: User) -> int:
    """A mailing of a sender's own, by whom the server can tell it."""
    mailing = change_status(make_mailing(owner).pk, "start", owner)
    MailingContent.objects.filter(mailing=mailing).update(from_email=sender_of(mailing.pk))
    return mailing.pk


def sender_of(mailing_id: int) -> str:
    return f"mailing-{mailing_id}@example.com"


async def forbidden(
    mailing_ids: list[int], server: HoldingServer, owner: User, dice: random.Random
) -> AsyncIterator[Race]:
    """Evenly of each kind, and each mailing while mails of it wait at the server."""
    left = set(mailing_ids)
    for how in islice(cycle(HOW), len(left)):
        await until(partial(are_waiting, left, server))
        mailing_id = dice.choice(await are_waiting(left, server))
        left.remove(mailing_id)
        yield Race(mailing_id, how, await sync_to_async(forbid)(owner, mailing_id, how, dice))
        await asyncio.sleep(dice.uniform(0, 0.01))


async def are_waiting(mailing_ids: Iterable[int], server: HoldingServer) -> list[int]:
    held = {sender for sender, _recipient in list(server.held)}
    return sorted(mailing_id for mailing_id in mailing_ids if sender_of(mailing_id) in held)


def forbid(owner: User, mailing_id: int, how: str, dice: random.Random) -> float:
    """Returns from when on it holds."""
    if how != "end":
        change_status(mailing_id, how, owner)
        return time.time()
    ends_at = db_now() + timedelta(seconds=dice.uniform(0, 0.5))
    Mailing.objects.filter(pk=mailing_id).update(ends_at=ends_at)
    # An end that is moved near holds, like any change, from its commit on.
    return max(ends_at.timestamp(), time.time())


async def all_settled(races: list[Race]) -> bool:
    """Nothing in anybody's hands, and nothing open where it is over."""
    over = [race.mailing_id for race in races if race.how != "pause"]
    unsettled = Q(state="sending") | Q(state__in=Delivery.WAITING, mailing__in=over)
    mailing_ids = [race.mailing_id for race in races]
    return not await Delivery.objects.filter(unsettled, mailing__in=mailing_ids).aexists()


def last_bodies(server: HoldingServer, races: list[Race]) -> dict[str, float]:
    """How many seconds after it was forbidden the last body of each kind had come; 0 where none came later."""
    last = {mail.mail_from: mail.at for mail in server.accepted}
    late = dict.fromkeys(HOW, 0.0)
    for race in races:
        late[race.how] = max(late[race.how], last.get(sender_of(race.mailing_id), 0.0) - race.holds_from)
    return late


def stopped_mails(server: HoldingServer, races: list[Race]) -> Counter[str]:
    """How many mails had been begun and were never handed over, by what has stopped them."""
    kinds = {sender_of(race.mailing_id): race.how for race in races}
    return Counter(kinds[sender] for sender, _recipient in server.stopped())


def is_sound(server: HoldingServer, races: list[Race], dice: random.Random) -> None:
    sent = Delivery.objects.filter(state="sent").values_list("message_id", flat=True)
    assert sorted(sent) == sorted(mail.message_id for mail in server.accepted)
    for race in races:
        states = Delivery.objects.filter(mailing=race.mailing_id).values_list("state", flat=True)
        assert set(states) <= {"sent", HOW[race.how]}
    for race in dice.sample(races, AUDITED):  # all of them would take as long as half of the races
        assert [check for check in audit_mailing(race.mailing_id) if not check.ok] == []
