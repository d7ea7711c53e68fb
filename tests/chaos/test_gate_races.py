"""From one second after the commit of a pause, a cancel or a window's end no body goes out that it forbids.

CHAOS=full for 200 races each, else 10.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db.models import Q

from core.clock import db_now
from core.models import User
from mailer.delivery.audit import audit_mailing
from mailer.delivery.engine import Until
from mailer.delivery.schedule import change_status
from mailer.models import Delivery, Mailing, MailingContent
from tests.support.engine import send, until
from tests.support.mailings import make_crowd, make_mailing
from tests.support.smtp_server import SmtpServer, slow

pytestmark = pytest.mark.django_db(transaction=True)

HOW = {"pause": "queued", "cancel": "cancelled", "end": "expired"}  # and what its mails become that were not sent
AT_ONCE = 30  # races in a round, evenly of each kind
ROUNDS = 20 if os.environ.get("CHAOS") == "full" else 1
RECIPIENTS = 60
PACE = 0.1 if os.environ.get("TEST_DB") == "sqlite" else 0.02  # seconds a mail: none may be over before it is forbidden
GRACE = 1.0  # seconds


@pytest.fixture
def server(settings: Any, tmp_path: Path) -> SmtpServer:
    settings.DATA_DIR = tmp_path
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_USE_TLS = "127.0.0.1", False
    return SmtpServer(slow(PACE))


@dataclass(frozen=True)
class Race:
    mailing_id: int
    how: str
    holds_from: float  # seconds since 1970


async def test_nothing_goes_out_a_second_after_it_was_forbidden(owner: User, server: SmtpServer, settings: Any) -> None:
    await sync_to_async(make_crowd)(owner, RECIPIENTS)
    races: list[Race] = []
    with server:
        settings.EMAIL_PORT = server.port
        for _round in range(ROUNDS):
            mailing_ids = await sync_to_async(launched)(owner)
            running = asyncio.create_task(send(Until.STOPPED, concurrency=20, stop=(stop := asyncio.Event())))
            await until(partial(all_under_way, mailing_ids))
            begun = [await begin(mailing_id, how, owner) for mailing_id, how in drawn(mailing_ids)]
            await asyncio.sleep(GRACE)
            await until(partial(all_settled, begun))
            stop.set()
            await running
            races += begun
        last = await sync_to_async(last_dots)(server)
    for how in HOW:
        late = [last[race.mailing_id] - race.holds_from for race in races if race.how == how]
        after = sum(seconds > 0 for seconds in late)
        print(f"{how}: {len(late)} races, {after} with a body after it, the last {max(late):.3f} s")  # noqa: T201
        assert max(late) <= GRACE
    await sync_to_async(is_sound)(server, races)


def launched(owner: User) -> list[int]:
    return [change_status(make_mailing(owner).pk, "start", owner).pk for _race in range(AT_ONCE)]


def drawn(mailing_ids: list[int]) -> Iterable[tuple[int, str]]:
    """The mailings in any order, as many to each kind."""
    return zip(random.sample(mailing_ids, AT_ONCE), cycle(HOW), strict=False)


async def begin(mailing_id: int, how: str, owner: User) -> Race:
    race = Race(mailing_id, how, await sync_to_async(forbid)(owner, mailing_id, how))
    await asyncio.sleep(random.uniform(0, 0.02))
    return race


def forbid(owner: User, mailing_id: int, how: str) -> float:
    """Returns from when on it holds."""
    if how != "end":
        change_status(mailing_id, how, owner)
        return time.time()
    ends_at = db_now() + timedelta(seconds=random.uniform(0, 0.5))
    Mailing.objects.filter(pk=mailing_id).update(ends_at=ends_at)
    # An end that is moved near holds, like any change, from its commit on.
    return max(ends_at.timestamp(), time.time())


async def all_under_way(mailing_ids: list[int]) -> bool:
    sent = Delivery.objects.filter(mailing__in=mailing_ids, state="sent")
    return await sent.values("mailing").distinct().acount() == AT_ONCE


async def all_settled(races: list[Race]) -> bool:
    """Nothing in anybody's hands, and nothing open where it is over."""
    over = [race.mailing_id for race in races if race.how != "pause"]
    unsettled = Q(state="sending") | Q(state__in=Delivery.WAITING, mailing__in=over)
    mailing_ids = [race.mailing_id for race in races]
    return not await Delivery.objects.filter(unsettled, mailing__in=mailing_ids).aexists()


def last_dots(server: SmtpServer) -> dict[int, float]:
    """When the last body of each mailing had come."""
    mailings = dict(MailingContent.objects.values_list("token", "mailing"))
    return {mailings[mail.message_id[1:].partition(".")[0]]: mail.at for mail in server.accepted}


def is_sound(server: SmtpServer, races: list[Race]) -> None:
    sent = Delivery.objects.filter(state="sent").values_list("message_id", flat=True)
    assert sorted(sent) == sorted(mail.message_id for mail in server.accepted)
    for race in races:
        states = Delivery.objects.filter(mailing=race.mailing_id).values_list("state", flat=True)
        assert set(states) <= {"sent", HOW[race.how]}
        assert [check for check in audit_mailing(race.mailing_id) if not check.ok] == []
