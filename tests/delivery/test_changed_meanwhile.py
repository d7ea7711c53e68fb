"""What is changed in mid-mailing changes nothing of it: what was launched is what is sent, to whom it was launched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient

from core.models import User
from mailer.delivery.ledger import Recorded
from mailer.delivery.transitions import change_status
from mailer.models import Delivery, Mailing, Recipient
from tests.support.engine import accepted_by, send
from tests.support.mailings import counted, make_crowd, make_mailing, really_counted, states
from tests.support.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE = 60


async def test_the_message_edited_and_the_recipients_changed_or_deleted(
    owner: User, site: Callable[[SmtpServer | int], None], signed_in: Callable[[User], AsyncClient]
) -> None:
    def launch() -> Mailing:
        make_crowd(owner, PEOPLE)
        mailing = make_mailing(owner, subject="As launched", body="Dear {{ recipient.full_name }}")
        return change_status(mailing.pk, "start", owner)

    mailing = await sync_to_async(launch)()
    client, half_way = signed_in(owner), asyncio.Event()
    done = 0

    def stop_half_way(recorded: Recorded) -> None:
        nonlocal done
        done += recorded.outcomes.total()
        if done >= PEOPLE // 3:
            half_way.set()

    with SmtpServer() as server:
        site(server)
        await send(concurrency=1, stop=half_way, on_recorded=stop_half_way)
        assert 0 < len(server.accepted) < PEOPLE
        await client.post(f"/messages/{mailing.message_id}/edit/", {"subject": "Edited", "body": "Edited"})
        last, one_before, *_others = [person async for person in Recipient.objects.order_by("-pk")]
        await client.post(f"/recipients/{last.pk}/delete/")
        form = {"email": "moved@example.org", "full_name": "Renamed", "comment": ""}
        await client.post(f"/recipients/{one_before.pk}/edit/", form)
        await client.post("/recipients/new/", {"email": "late@example.org", "full_name": "Late", "comment": ""})
        await send()
    assert await Recipient.objects.filter(email="moved@example.org").aexists()
    assert await Recipient.objects.acount() == PEOPLE
    assert set(accepted_by(server)) == {f"r{n}@example.com" for n in range(PEOPLE)}
    assert set(accepted_by(server).values()) == {1}
    for mail in server.accepted:
        assert b"Subject: As launched\r\n" in mail.content
        assert f"Dear Person {mail.rcpt_to[1:].partition('@')[0]}\r\n".encode() in mail.content
    deleted = await Delivery.objects.aget(email=last.email)
    assert (deleted.state, deleted.recipient_id, deleted.full_name) == ("sent", None, last.full_name)
    moved = await Delivery.objects.aget(recipient=one_before.pk)
    assert (moved.email, moved.full_name, moved.state) == (one_before.email, one_before.full_name, "sent")
    assert set((await sync_to_async(states)(mailing)).values()) == {"sent"}
    assert await sync_to_async(counted)(mailing) == await sync_to_async(really_counted)(mailing)
    await mailing.arefresh_from_db()
    assert mailing.status == "completed"
