"""What a worker that ends badly leaves behind: the next one goes on with it at once, and nothing is uncertain."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError

from core.models import User
from mailer.delivery.claim import Claim
from mailer.delivery.engine import Until
from mailer.delivery.journal import Journal, JournalUnwritable
from mailer.delivery.transitions import change_status
from mailer.delivery.worker import Worker
from mailer.models import Attempt, Mailing
from tests.support.engine import accepted_by, send
from tests.support.mailings import counted, make_crowd, make_mailing, really_counted
from tests.support.smtp_server import SmtpServer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("pipelining")]

MAILS = 20


@pytest.fixture
def server(site: Callable[[SmtpServer | int], None]) -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        site(server)
        yield server


def launched(owner: User) -> Mailing:
    make_crowd(owner, MAILS)
    return change_status(make_mailing(owner).pk, "start", owner)


async def all_go_out_at_the_next_run(mailing: Mailing, server: SmtpServer) -> None:
    await asyncio.wait_for(send(), 30)
    assert list(accepted_by(server).values()) == [1] * MAILS
    assert await sync_to_async(counted)(mailing) == {"sent": MAILS} == await sync_to_async(really_counted)(mailing)


def full(*_arguments: object) -> None:
    raise JournalUnwritable("No space left on device")


async def test_a_journal_that_cannot_be_written_lets_nothing_be_handed_over(
    owner: User, server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailing = await sync_to_async(launched)(owner)
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "handing_over", full)
        with pytest.raises(JournalUnwritable):
            await asyncio.wait_for(send(), 30)
    assert server.accepted == []
    assert not await Attempt.objects.aexists()
    await all_go_out_at_the_next_run(mailing, server)


async def test_a_reply_that_the_journal_cannot_take_is_in_the_ledger(
    owner: User, server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailing = await sync_to_async(launched)(owner)
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "reply", full)
        with pytest.raises(JournalUnwritable):
            await asyncio.wait_for(send(), 30)
    assert 0 < len(server.accepted) < MAILS
    assert await Attempt.objects.filter(status="success").acount() == len(server.accepted)
    await all_go_out_at_the_next_run(mailing, server)


async def test_what_was_claimed_when_a_bug_struck_goes_back(
    owner: User, server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailing = await sync_to_async(launched)(owner)
    with monkeypatch.context() as patch:
        patch.setattr("mailer.delivery.claimer.load_composers", lambda _mailings: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(send(), 30)
    await all_go_out_at_the_next_run(mailing, server)


async def test_a_claim_whose_answer_was_lost_at_the_end_goes_back(
    owner: User, server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, stop = Worker.claim, asyncio.Event()

    async def lost(worker: Worker, most: int, only_mailing: int | None) -> list[Claim]:
        await claim(worker, most, only_mailing)
        stop.set()
        raise OperationalError("the answer to COMMIT was lost")

    mailing = await sync_to_async(launched)(owner)
    with monkeypatch.context() as patch:
        patch.setattr(Worker, "claim", lost)
        await asyncio.wait_for(send(Until.STOPPED, stop=stop), 30)
    assert (await sync_to_async(counted)(mailing))["sending"] > 0
    await all_go_out_at_the_next_run(mailing, server)
