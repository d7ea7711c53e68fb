"""The engine against a real server in trouble with some, or with all: who is charged, and what is left in peace."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from core.clock import shifted
from core.models import User
from mailer import reasons
from mailer.delivery import breaker
from mailer.delivery.engine import Summary, Until
from mailer.delivery.transitions import change_status
from mailer.models import Attempt, Mailing
from tests.support.engine import accepted_by, send
from tests.support.mailings import counted, make_crowd, make_mailing, really_counted, states
from tests.support.smtp_server import (
    Behaviour,
    SmtpServer,
    close_at,
    garbage_at,
    half_reply_at,
    refuse_message,
    refuse_recipient,
    refuse_sender,
    reply_421_at,
    reset_at,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("pipelining")]

Site = Callable[[SmtpServer | int], None]
POISON = "r2@example.com"


def launched(owner: User, n: int, **fields: Any) -> Mailing:
    make_crowd(owner, n)
    return change_status(make_mailing(owner, **fields).pk, "start", owner)


async def send_again_and_again(times: int) -> None:
    """Run after run, each a process's life of its own, a few minutes apart."""
    for run in range(times):
        with shifted(timedelta(minutes=3 * run)):
            await send(concurrency=1)


@pytest.mark.parametrize(
    "breaking",
    [close_at("rcpt"), reset_at("rcpt"), garbage_at("rcpt"), close_at("data"), half_reply_at("data", b"35")],
    ids=["cut at RCPT", "reset at RCPT", "garbage at RCPT", "cut at DATA", "half a reply at DATA"],
)
async def test_one_that_breaks_the_connection_fails_after_three_tries_and_stalls_nobody(
    owner: User, site: Site, breaking: Behaviour
) -> None:
    mailing = await sync_to_async(launched)(owner, 8)
    with SmtpServer(by_address={POISON: [breaking]}) as server:
        site(server)
        await send_again_and_again(2)
        assert Counter((await sync_to_async(states)(mailing)).values()) == {"sent": 7, "queued": 1}
        assert await Attempt.objects.acount() == 7
        with shifted(timedelta(minutes=9)):
            await send(concurrency=1)
    failed = await Attempt.objects.aget(delivery__email=POISON)
    assert (failed.status, failed.reply_code, failed.number) == ("failure", None, 1)
    assert max(accepted_by(server).values()) == 1
    await mailing.arefresh_from_db()
    assert mailing.status == "completed"
    assert await sync_to_async(counted)(mailing) == {"sent": 7, "failed": 1}


async def test_one_at_whom_the_server_hangs_up_is_put_off_like_any_other(owner: User, site: Site) -> None:
    mailing = await sync_to_async(launched)(owner, 8)
    with SmtpServer(by_address={POISON: [reply_421_at("rcpt")]}) as server:
        site(server)
        await send_again_and_again(3)
    assert Counter((await sync_to_async(states)(mailing)).values()) == {"sent": 7, "deferred": 1}
    assert (await Attempt.objects.aget(delivery__email=POISON)).reply_code == 421


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
async def test_a_server_that_cuts_everyone_off_charges_nobody(
    owner: User, site: Site, stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "DELAYS", (0.02, 0.02, 0.02, 60.0))
    mailing = await sync_to_async(launched)(owner, 30)
    with SmtpServer(close_at(stage)) as server:
        site(server)
        for run in range(5):
            with shifted(timedelta(minutes=10 * run)):
                summary = await asyncio.wait_for(send(), 30)
        assert summary.trouble
        assert server.connections < 5 * 20  # the breaker keeps it from going through all of them
    assert not await Attempt.objects.aexists()
    assert await sync_to_async(counted)(mailing) == {"queued": 30} == await sync_to_async(really_counted)(mailing)


async def test_it_connects_rarely_to_a_server_that_greets_and_takes_nothing(
    owner: User, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    a_minute = asyncio.Event()

    async def quickly(seconds: float) -> None:
        waits.append(seconds)
        if sum(waits) > 60:
            a_minute.set()
        await asyncio.sleep(0.02)

    monkeypatch.setattr(breaker.Breaker.__init__, "__defaults__", (quickly, lambda: 0.0, breaker.utc_now))
    mailing = await sync_to_async(launched)(owner, 100)
    with SmtpServer(reply_421_at("mail")) as server:
        site(server)
        stop = asyncio.Event()
        running = asyncio.create_task(send(Until.STOPPED, concurrency=5, stop=stop))
        try:
            await asyncio.wait_for(a_minute.wait(), 30)
        finally:
            stop.set()
            await running
    assert len(waits) >= 6
    assert server.connections <= 5 + 10  # what the senders had at first, and a minute's probes
    assert not await Attempt.objects.aexists()
    assert await sync_to_async(counted)(mailing) == {"queued": 100}


async def test_throttling_makes_it_wait_and_not_give_up(
    owner: User, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "DELAYS", (0.02,))
    mailing = await sync_to_async(launched)(owner, 40)
    with SmtpServer(refuse_message(454, "Throttling failure: Maximum sending rate exceeded.", times=6)) as server:
        site(server)
        first = await asyncio.wait_for(send(), 30)
        assert not first.trouble
        assert 34 <= first.states["sent"] < 40
        with shifted(timedelta(minutes=1)):
            await send()
    assert await Attempt.objects.acount() == 40
    await mailing.arefresh_from_db()
    assert mailing.status == "completed"


async def test_a_refused_mailing_does_not_hold_up_another(
    owner: User, stranger: User, site: Site, settings: Any
) -> None:
    settings.DEFAULT_FROM_EMAIL = "refused@example.com"
    refused = await sync_to_async(launched)(owner, 20)
    settings.DEFAULT_FROM_EMAIL = "welcome@example.com"
    other = await sync_to_async(launched)(stranger, 20)
    answers = {"refused@example.com": [refuse_sender(550, "5.7.23 SPF check failed")]}
    with SmtpServer(by_address=answers) as server:
        site(server)
        summary: Summary = await send()
    assert await sync_to_async(counted)(refused) == {"queued": 20}
    assert await sync_to_async(counted)(other) == {"sent": 20}
    await refused.arefresh_from_db()
    assert (refused.status, refused.status_reason) == ("paused", reasons.SPF_FAILED)
    assert "SPF record" in str(summary.paused[refused.pk])


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            refuse_recipient(554, "5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org"),
            "blocked",
        ),
        (
            refuse_message(550, "5.7.26 Your email has been blocked because the sender is unauthenticated."),
            "authentication_missing",
        ),
        (
            refuse_message(550, "5.7.515 Access denied, sending domain does not meet the level"),
            "authentication_missing",
        ),
        (refuse_recipient(530, "5.7.0 Must issue a STARTTLS command first"), "encryption_needed"),
        (refuse_message(552, "5.3.4 Message too big"), "too_large"),
    ],
)
async def test_what_would_befall_everyone_pauses_the_mailing_and_charges_nobody(
    owner: User, site: Site, answer: Behaviour, reason: str
) -> None:
    mailing = await sync_to_async(launched)(owner, 60)
    with SmtpServer(answer) as server:
        site(server)
        await send()
    await mailing.arefresh_from_db()
    assert (mailing.status, mailing.status_reason) == ("paused", reason)
    assert await sync_to_async(counted)(mailing) == {"queued": 60}
    assert not await Attempt.objects.aexists()


async def test_a_mail_refused_as_spam_pauses_before_all_have_failed(owner: User, site: Site) -> None:
    mailing = await sync_to_async(launched)(owner, 400)
    with SmtpServer(refuse_message(554, "5.7.1 Spam message rejected")) as server:
        site(server)
        await send()
    await mailing.arefresh_from_db()
    assert (mailing.status, mailing.status_reason) == ("paused", reasons.REFUSED_TOO_OFTEN)
    failed = (await sync_to_async(counted)(mailing))["failed"]
    assert 10 <= failed < 400
    assert await Attempt.objects.acount() == failed
