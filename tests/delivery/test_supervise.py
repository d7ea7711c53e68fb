from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError

from core.clock import db_now
from core.models import User
from mailer.delivery import supervise
from mailer.delivery.database import DatabaseThread
from mailer.delivery.supervise import send_forever
from mailer.delivery.transitions import change_status
from mailer.delivery.worker import LeaseLost, registered_worker
from mailer.models import Mailing, Worker
from tests.support.engine import send, until
from tests.support.mailings import make_crowd, make_mailing
from tests.support.smtp_server import SmtpServer, slow

pytestmark = pytest.mark.django_db(transaction=True)

Site = Callable[[SmtpServer | int], None]


def launched(owner: User, n: int) -> Mailing:
    make_crowd(owner, n)
    return change_status(make_mailing(owner).pk, "start", owner)


async def test_it_starts_again_after_a_failure(owner: User, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "RESTART_PAUSE", 0.05)
    failures = iter([OperationalError("the database is starting up")])
    register = registered_worker

    def failing_once(*args: object, **kwargs: object) -> object:
        for failure in failures:
            raise failure
        return register(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(supervise, "registered_worker", failing_once)
    await sync_to_async(launched)(owner, 3)
    stop = asyncio.Event()
    with SmtpServer() as server:
        site(server)
        running = asyncio.create_task(send_forever(2, stop))
        await until(lambda: Mailing.objects.filter(status="completed").aexists())
        stop.set()
        await running
    assert len(server.accepted) == 3


async def test_a_worker_that_was_swept_hands_nothing_more_over(owner: User, site: Site) -> None:
    await sync_to_async(launched)(owner, 300)
    with SmtpServer(slow(0.05)) as server:
        site(server)
        running = asyncio.create_task(send(concurrency=2))
        await until(lambda: Worker.objects.aexists())
        await Worker.objects.aupdate(swept_at=await sync_to_async(db_now)())
        with pytest.raises(LeaseLost):
            await asyncio.wait_for(running, 30)
        assert len(server.accepted) < 300


async def test_the_database_thread_waits_for_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailer.delivery.database.RECONNECT_PAUSES", (0.01,))
    answers = iter([OperationalError("restarting"), OperationalError("restarting"), None])

    def ask() -> str:
        if (answer := next(answers)) is not None:
            raise answer
        return "here"

    database = DatabaseThread()
    assert await database.patiently(ask) == "here"
    await database.close()
