"""The engine against a real SMTP server: what the server took and what the ledger says must be the same."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from core.clock import db_now, shifted
from core.models import User
from mailer.delivery import engine
from mailer.delivery.engine import Until
from mailer.delivery.gate import TRUSTED_FOR
from mailer.delivery.transitions import change_status
from mailer.models import Attempt, Delivery, Mailing, Suppression, Worker
from tests.support.engine import accepted_by, send, until
from tests.support.lateness import lateness
from tests.support.mailings import counted, make_crowd, make_mailing, make_recipients, really_counted, states
from tests.support.servers import free_port
from tests.support.smtp_server import (
    LOGIN,
    SmtpServer,
    close_at,
    drop_after_dot,
    greylist,
    held_until,
    refuse_recipient,
    refuse_sender,
    reply_421_at,
    slow,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("pipelining")]

Site = Callable[[SmtpServer | int], None]


def launched(owner: User, n: int, **fields: Any) -> Mailing:
    make_crowd(owner, n)
    return change_status(make_mailing(owner, **fields).pk, "start", owner)


def ledger_agrees(mailing: Mailing, server: SmtpServer) -> None:
    """Accepted once each, and exactly those are `sent`; the counters are right; the mailing is accounted for."""
    taken = accepted_by(server)
    assert max(taken.values(), default=1) == 1
    assert set(taken) == {email for email, state in states(mailing).items() if state == "sent"}
    assert counted(mailing) == really_counted(mailing)


async def test_it_sends_to_everyone_once_and_records_each_attempt(
    owner: User, site: Site, pipelining: bool, tmp_path: Any
) -> None:
    mailing = await sync_to_async(launched)(owner, 60)
    with SmtpServer() as server:
        site(server)
        summary = await send()
    assert summary.states == {"sent": 60}
    assert server.connections <= 5
    assert server.pipelined is pipelining
    assert (server.riders > 0) is pipelining
    await sync_to_async(ledger_agrees)(mailing, server)
    await mailing.arefresh_from_db()
    assert mailing.status == "completed"
    assert await Attempt.objects.filter(status="success", reply_code=250, number=1).acount() == 60
    assert not list((tmp_path / "journal").iterdir())


async def test_it_loses_no_time_over_those_who_are_suppressed(
    owner: User, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an empty claim it would wait for work, or for the clock."""
    monkeypatch.setattr(engine, "IDLE_LOOK", 600)
    monkeypatch.setattr(engine, "SCHEDULE_EVERY", 600)
    mailing = await sync_to_async(launched)(owner, 400)
    await Suppression.objects.abulk_create(
        Suppression(owner=owner, address_key=f"r{n}@example.com", reason="manual") for n in range(390)
    )
    with SmtpServer() as server:
        site(server)
        await asyncio.wait_for(send(), 60)
    assert await sync_to_async(counted)(mailing) == {"sent": 10, "skipped": 390}


async def test_it_fills_in_each_mail_and_keeps_its_identity(owner: User, site: Site) -> None:
    await sync_to_async(launched)(owner, 3, subject="Hi {{ recipient.full_name }}", body="To {{ recipient.email }}.\n.")
    with SmtpServer() as server:
        site(server)
        await send()
    mail = next(mail for mail in server.accepted if mail.rcpt_to == "r1@example.com")
    delivery = await Delivery.objects.aget(email="r1@example.com")
    assert mail.message_id == delivery.message_id
    assert b"Subject: Hi Person 1\r\n" in mail.content
    assert mail.content.endswith(b"\r\n\r\nTo r1@example.com.\r\n.\r\n")


async def test_it_records_refusals_with_the_servers_words(owner: User, site: Site) -> None:
    mailing = await sync_to_async(launched)(owner, 10)
    refusals = {
        "r1@example.com": [refuse_recipient(550, "5.1.1 No such user here")],
        "r2@example.com": [refuse_recipient(452, "4.2.2 Mailbox full")],
    }
    with SmtpServer(by_address=refusals) as server:
        site(server)
        summary = await send()
        assert summary.states == {"sent": 8, "failed": 1, "deferred": 1}
        await sync_to_async(ledger_agrees)(mailing, server)
    failed = await Attempt.objects.aget(delivery__email="r1@example.com")
    assert (failed.status, failed.reply_code, failed.enhanced_code) == ("failure", 550, "5.1.1")
    assert "No such user here" in failed.server_response
    assert summary.left.later == 1
    await mailing.arefresh_from_db()
    assert mailing.status == "sending"


async def test_it_tries_a_deferred_one_again_with_the_same_mail(owner: User, site: Site) -> None:
    mailing = await sync_to_async(launched)(owner, 1)
    with SmtpServer(greylist()) as server:
        site(server)
        await send()
        with shifted(timedelta(minutes=7)):
            await send()
        await sync_to_async(ledger_agrees)(mailing, server)
    assert [a.status async for a in Attempt.objects.order_by("number")] == ["failure", "success"]
    assert server.accepted[0].content.count(b"\r\nDate: ") == 1
    await mailing.arefresh_from_db()
    assert mailing.status == "completed"


async def test_a_lost_reply_is_uncertain_and_never_resent(owner: User, site: Site) -> None:
    mailing = await sync_to_async(launched)(owner, 4)
    with SmtpServer(by_address={"r2@example.com": [drop_after_dot()]}) as server:
        site(server)
        for hours in (0, 0.9):
            with shifted(timedelta(hours=hours)):
                await send()
    assert await sync_to_async(states)(mailing) == {
        "r0@example.com": "sent",
        "r1@example.com": "sent",
        "r2@example.com": "uncertain",
        "r3@example.com": "sent",
    }
    assert accepted_by(server)["r2@example.com"] == 1


async def test_a_lost_connection_before_the_body_charges_nobody(owner: User, site: Site) -> None:
    mailing = await sync_to_async(launched)(owner, 4)
    with SmtpServer(close_at("data", times=2)) as server:
        site(server)
        await send()
        with shifted(timedelta(minutes=2)):
            await send()
        await sync_to_async(ledger_agrees)(mailing, server)
    assert await Attempt.objects.acount() == 4


async def test_a_refused_sender_pauses_the_mailing_with_the_servers_words(owner: User, site: Site) -> None:
    mailing = await sync_to_async(launched)(owner, 30)
    with SmtpServer(refuse_sender(550, "5.7.1 Sender address not allowed")) as server:
        site(server)
        summary = await send()
    assert "Sender address not allowed" in str(summary.paused[mailing.pk])
    await mailing.arefresh_from_db()
    assert (mailing.status, mailing.why) == ("paused", summary.paused[mailing.pk])
    assert not await Attempt.objects.aexists()
    assert await sync_to_async(counted)(mailing) == {"queued": 30}


async def test_a_refused_login_pauses_the_mailing(owner: User, site: Site, settings: Any) -> None:
    mailing = await sync_to_async(launched)(owner, 10)
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = LOGIN[0], "wrong"
    with SmtpServer(login=LOGIN) as server:
        site(server)
        await send()
    await mailing.arefresh_from_db()
    assert mailing.status == "paused"
    assert "535" in mailing.status_words
    assert "wrong" not in str(mailing.why)
    assert not await Attempt.objects.aexists()


async def test_without_a_server_it_says_why_and_charges_nobody(owner: User, site: Site) -> None:
    mailing = await sync_to_async(launched)(owner, 30)
    site(free_port())
    summary = await send()
    assert "Connection refused" in summary.trouble
    assert not await Attempt.objects.aexists()
    assert await sync_to_async(counted)(mailing) == {"queued": 30} == await sync_to_async(really_counted)(mailing)


async def test_it_goes_on_by_itself_when_the_server_is_back(owner: User, site: Site) -> None:
    mailing = await sync_to_async(launched)(owner, 20)
    port = free_port()
    site(port)
    running = asyncio.create_task(send(Until.ALL_CLOSED))
    await until(lambda: Worker.objects.filter(trouble__contains="refused").aexists())
    with SmtpServer(port=port) as server:
        summary = await asyncio.wait_for(running, 30)
        await sync_to_async(ledger_agrees)(mailing, server)
    assert summary.states["sent"] == 20
    assert not summary.trouble


async def test_a_421_opens_the_breaker_and_charges_nobody(owner: User, site: Site) -> None:
    mailing = await sync_to_async(launched)(owner, 20)
    with SmtpServer(reply_421_at("mail", times=3)) as server:
        site(server)
        await send()
        with shifted(timedelta(minutes=2)):
            await send()
        await sync_to_async(ledger_agrees)(mailing, server)
    assert await Attempt.objects.acount() == 20


@pytest.mark.parametrize("action", ["pause", "cancel"])
async def test_it_stops_within_a_second_of_a_pause_or_a_cancel(
    owner: User, site: Site, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailing = await sync_to_async(launched)(owner, 1000)
    with SmtpServer(slow(0.02)) as server, lateness() as late:
        site(server)
        monkeypatch.setattr("mailer.delivery.gate.TRUSTED_FOR", TRUSTED_FOR)
        stop = asyncio.Event()
        running = asyncio.create_task(send(Until.STOPPED, stop=stop))
        await until(lambda: Delivery.objects.filter(state="sent").aexists())
        await sync_to_async(change_status)(mailing.pk, action, owner)
        changed_at = time.time()
        await until(lambda: nothing_in_hand(mailing))
        await asyncio.sleep(changed_at + 1.5 - time.time())  # so that whatever came too late would be seen
        stop.set()
        await running
        assert max(mail.at for mail in server.accepted) <= changed_at + 1 + 2 * late.most
        taken = len(server.accepted)
        assert taken < 1000
        await sync_to_async(ledger_agrees)(mailing, server)
    expected = {"pause": "queued", "cancel": "cancelled"}[action]
    assert await sync_to_async(counted)(mailing) == {"sent": taken, expected: 1000 - taken}


async def test_it_resumes_where_it_was_paused(owner: User, site: Site) -> None:
    mailing = await sync_to_async(launched)(owner, 60)
    is_paused = threading.Event()
    all_but_ten = {f"r{n}@example.com": [held_until(is_paused)] for n in range(10, 60)}
    with SmtpServer(by_address=all_but_ten) as server:
        site(server)
        running = asyncio.create_task(send(Until.STOPPED, stop=(stop := asyncio.Event())))
        await until(lambda: Delivery.objects.filter(state="sent").aexists())
        await sync_to_async(change_status)(mailing.pk, "pause", owner)
        is_paused.set()
        await until(lambda: nothing_in_hand(mailing))
        assert await Delivery.objects.filter(state="queued").aexists()
        await sync_to_async(change_status)(mailing.pk, "resume", owner)
        await until(lambda: Mailing.objects.filter(status="completed").aexists())
        stop.set()
        await running
        await sync_to_async(ledger_agrees)(mailing, server)
    assert await sync_to_async(counted)(mailing) == {"sent": 60}


async def test_it_hands_nothing_over_after_the_windows_end(owner: User, site: Site) -> None:
    mailing = await sync_to_async(launched)(owner, 400)
    await Mailing.objects.aupdate(ends_at=await sync_to_async(db_now)() + timedelta(seconds=1))
    with SmtpServer(slow(0.03)) as server:
        site(server)
        stop = asyncio.Event()
        running = asyncio.create_task(send(Until.STOPPED, stop=stop))
        await until(lambda: Mailing.objects.filter(status="completed").aexists())
        stop.set()
        await running
        await sync_to_async(ledger_agrees)(mailing, server)
    await mailing.arefresh_from_db()
    left = (await sync_to_async(counted)(mailing))["expired"]
    assert f"{left} not sent" in str(mailing.why)


async def test_it_drains_when_told_to_stop(owner: User, site: Site) -> None:
    mailing = await sync_to_async(launched)(owner, 400)
    with SmtpServer(slow(0.05)) as server:
        site(server)
        stop = asyncio.Event()
        running = asyncio.create_task(send(Until.STOPPED, stop=stop))
        await until(lambda: Delivery.objects.filter(state="sent").aexists())
        stop.set()
        await asyncio.wait_for(running, 30)
        await sync_to_async(ledger_agrees)(mailing, server)
    assert set(await sync_to_async(counted)(mailing)) == {"sent", "queued"}


async def test_two_workers_at_once_send_nothing_twice(owner: User, site: Site) -> None:
    mailing = await sync_to_async(launched)(owner, 300)
    with SmtpServer(slow(0.005)) as server:
        site(server)
        await asyncio.gather(send(Until.ALL_CLOSED), send(Until.ALL_CLOSED))
        await sync_to_async(ledger_agrees)(mailing, server)
    assert await sync_to_async(counted)(mailing) == {"sent": 300}


async def test_it_sends_only_the_mailing_asked_for(owner: User, stranger: User, site: Site) -> None:
    mine = await sync_to_async(launched)(owner, 5)
    other = await sync_to_async(launched)(stranger, 5)
    with SmtpServer() as server:
        site(server)
        await send(only_mailing=mine.pk)
    assert await sync_to_async(counted)(mine) == {"sent": 5}
    assert await sync_to_async(counted)(other) == {"queued": 5}


async def test_a_recipient_whose_mail_cannot_be_made_fails_and_the_others_get_theirs(owner: User, site: Site) -> None:
    body = '{% if recipient.full_name == "Person 1" %}{{ 1 | divided_by: 0 }}{% endif %}Hello'
    mailing = await sync_to_async(launched)(owner, 3, body=body)
    with SmtpServer() as server:
        site(server)
        await send()
        await sync_to_async(ledger_agrees)(mailing, server)
    assert Counter((await sync_to_async(states)(mailing)).values()) == {"sent": 2, "failed": 1}


async def test_an_address_in_another_script_reaches_its_domain(owner: User, site: Site) -> None:
    await sync_to_async(make_recipients)(owner, "иван@example.com", "ivan@пример.example")
    mailing = await sync_to_async(make_mailing)(owner)
    await sync_to_async(change_status)(mailing.pk, "start", owner)
    with SmtpServer(offers=[]) as server:
        site(server)
        await send()
    assert set(accepted_by(server)) == {"ivan@xn--e1afmkfd.example"}
    refused = await Attempt.objects.aget(status="failure")
    assert refused.enhanced_code == "5.6.7"


async def test_a_bug_stops_the_engine_in_good_order(owner: User, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    mailing = await sync_to_async(launched)(owner, 20)
    with SmtpServer() as server:
        site(server)
        with monkeypatch.context() as patch:
            patch.setattr("mailer.delivery.salvage.record", lambda *args: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                await asyncio.wait_for(send(), 30)
        assert set(await sync_to_async(counted)(mailing)) <= {"sending", "queued"}
        await send()  # the next worker finds in the journal what became of them
        await sync_to_async(ledger_agrees)(mailing, server)
    assert await sync_to_async(counted)(mailing) == {"sent": 20}


async def nothing_in_hand(mailing: Mailing) -> bool:
    return not await Delivery.objects.filter(mailing=mailing, state="sending").aexists()
