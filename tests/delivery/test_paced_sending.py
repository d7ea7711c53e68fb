"""The engine under a limit, against a real SMTP server that notes when each mail came."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from core.clock import seconds
from core.models import User
from mailer.delivery.engine import Until
from mailer.delivery.transitions import change_status
from mailer.models import Attempt, Delivery, Mailing
from mailer.rates import Rate
from mailer.throttling import set_rate
from tests.support.engine import accepted_by, send, until
from tests.support.mailings import counted, make_crowd, make_mailing, really_counted
from tests.support.pace import most_within, rate_of
from tests.support.smtp_server import SmtpServer, slow

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("pipelining")]

Site = Callable[[SmtpServer | int], None]
CONNECTIONS = 20


def launched(owner: User, n: int, rate: Rate | None) -> Mailing:
    make_crowd(owner, n)
    return started(owner, rate)


def started(owner: User, rate: Rate | None) -> Mailing:
    mailing = make_mailing(owner)
    set_rate(owner, rate, mailing)
    return change_status(mailing.pk, "start", owner)


def times(server: SmtpServer) -> list[float]:
    return [mail.at for mail in server.accepted]


async def all_recorded(*mailings: Mailing) -> bool:
    return not await Delivery.objects.filter(mailing__in=mailings, state__in=Delivery.OPEN).aexists()


@pytest.mark.parametrize("workers", [1, 3])
async def test_it_keeps_the_rate_with_any_number_of_workers(owner: User, site: Site, workers: int) -> None:
    """A rate that is far below what a busy machine can do: there 200 a second would be the machine's."""
    mailing = await sync_to_async(launched)(owner, 140, Rate(40, 1))
    with SmtpServer() as server:
        site(server)
        await asyncio.gather(*(send(concurrency=5) for _ in range(workers)))
    # These take 2.5 s; on a busy machine the first or the last of them is up to a second late.
    assert 100 / 3.5 < rate_of(times(server)[40:]) < 100 / 1.5
    for span in (0.1, 0.5, 1.0):
        assert most_within(span, times(server)) <= 40 * (span + 1) + workers * 5
    assert set(accepted_by(server).values()) == {1}
    assert await sync_to_async(counted)(mailing) == {"sent": 140} == await sync_to_async(really_counted)(mailing)


async def test_the_sites_limit_holds_for_all_mailings_together(owner: User, site: Site) -> None:
    mailings = [await sync_to_async(launched)(owner, 100, None)]
    mailings += [await sync_to_async(started)(owner, rate) for rate in (None, Rate(5000, 1))]
    await sync_to_async(set_rate)(owner, Rate(100, 1), None)
    with SmtpServer() as server:
        site(server)
        await send(concurrency=CONNECTIONS)
    assert most_within(1.0, times(server)) <= 100 * 2 + CONNECTIONS
    half_time = [mail.message_id for mail in server.accepted[:150]]
    belong = Delivery.objects.filter(message_id__in=half_time).values_list("mailing", flat=True)
    shares = [[pk async for pk in belong].count(mailing.pk) for mailing in mailings]
    assert shares == pytest.approx([50, 50, 50], abs=12)


async def test_a_changed_rate_takes_effect_within_two_seconds(owner: User, site: Site) -> None:
    mailing = await sync_to_async(launched)(owner, 400, Rate(10, 1))
    stop = asyncio.Event()
    with SmtpServer() as server:
        site(server)
        running = asyncio.create_task(send(Until.STOPPED, concurrency=CONNECTIONS, stop=stop))

        async def after(rate: Rate | None) -> int:
            """How many mails come in the second that begins a second after the rate was set to this."""
            await sync_to_async(set_rate)(owner, rate, mailing)
            begin = time.time() + 1
            async with asyncio.timeout(60):
                while times(server)[-1:] < [begin + 1] and not await all_recorded(mailing):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            return sum(begin <= at < begin + 1 for at in times(server))

        assert 2 <= await after(Rate(10, 1)) <= 20  # on a busy machine a mail is up to a second late
        assert 22 <= await after(Rate(50, 1)) <= 100
        assert await after(Rate(5, 1)) <= 10
        await after(None)
        stop.set()
        await running
    assert set(accepted_by(server).values()) == {1}


async def test_a_mailing_without_a_limit_does_not_wait_for_one_with(owner: User, site: Site) -> None:
    held = await sync_to_async(launched)(owner, 300, Rate(3, 1))
    free = await sync_to_async(started)(owner, None)
    stop = asyncio.Event()
    with SmtpServer() as server:
        site(server)
        running = asyncio.create_task(send(Until.STOPPED, concurrency=CONNECTIONS, stop=stop))
        begun = seconds()
        await until(lambda: all_recorded(free))
        took = seconds() - begun
        stop.set()
        await running
        lasted = seconds() - begun
    assert took < 50  # of the hundred seconds that the other takes
    assert (await sync_to_async(counted)(held)).get("sent", 0) <= 3 * (lasted + 2)


async def test_a_server_slower_than_the_rate_is_all_that_holds_it(owner: User, site: Site) -> None:
    """Mails that it can't take in time are given back uncharged, and go when it can."""
    mailing = await sync_to_async(launched)(owner, 60, Rate(500, 1))
    with SmtpServer(slow(0.4)) as server:
        site(server)
        await send(concurrency=10)
    assert set(accepted_by(server).values()) == {1}
    assert await sync_to_async(counted)(mailing) == {"sent": 60} == await sync_to_async(really_counted)(mailing)
    assert await Attempt.objects.filter(number=1).acount() == 60 == await Attempt.objects.acount()


async def test_after_a_pause_no_more_than_a_second_of_it_goes_at_once(owner: User, site: Site) -> None:
    mailing = await sync_to_async(launched)(owner, 400, Rate(40, 1))
    stop = asyncio.Event()
    with SmtpServer() as server:
        site(server)
        running = asyncio.create_task(send(Until.STOPPED, concurrency=CONNECTIONS, stop=stop))
        await until(lambda: Attempt.objects.aexists())
        await sync_to_async(change_status)(mailing.pk, "pause", owner)
        await until(lambda: _nothing_in_hand(mailing))
        await asyncio.sleep(0.05)
        before = len(server.accepted)
        await sync_to_async(change_status)(mailing.pk, "resume", owner)
        await until(lambda: _sent(mailing, before + 60))
        stop.set()
        await running
    resumed = times(server)[before:]
    assert most_within(0.2, resumed) <= 40 * 1.2 + CONNECTIONS
    assert await sync_to_async(counted)(mailing) == await sync_to_async(really_counted)(mailing)


async def _nothing_in_hand(mailing: Mailing) -> bool:
    return not await Delivery.objects.filter(mailing=mailing, state=Delivery.State.SENDING).aexists()


async def _sent(mailing: Mailing, n: int) -> bool:
    return await Delivery.objects.filter(mailing=mailing, state=Delivery.State.SENT).acount() >= n


async def test_stopping_gives_back_at_once_what_waits_for_its_time(owner: User, site: Site) -> None:
    mailing = await sync_to_async(launched)(owner, 50, Rate(30, 1))
    stop = asyncio.Event()
    with SmtpServer() as server:
        site(server)
        running = asyncio.create_task(send(Until.STOPPED, concurrency=CONNECTIONS, stop=stop))
        await until(lambda: Attempt.objects.aexists())
        stop.set()
        await asyncio.wait_for(running, 30)
    after: dict[str, Any] = await sync_to_async(counted)(mailing)
    assert after.keys() <= {"sent", "queued"}
    assert after["sent"] == len(server.accepted)
