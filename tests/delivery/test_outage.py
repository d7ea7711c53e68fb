"""The database goes away in mid-mailing, or its answer gets lost."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async
from django.db import InternalError, OperationalError, connection, transaction

from core.clock import microseconds
from core.models import User
from mailer.delivery.audit import audit_mailing
from mailer.delivery.engine import Until
from mailer.delivery.salvage import record_all
from mailer.delivery.transitions import change_status
from mailer.delivery.verdict import Result
from mailer.delivery.worker import registered_worker
from mailer.models import Attempt, Mailing
from tests.support.database_proxy import DatabaseProxy, proxied_database
from tests.support.engine import accepted_by, send
from tests.support.mailings import counted, make_crowd, make_mailing
from tests.support.results import WITHHELD
from tests.support.smtp_server import SmtpServer, slow

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("pipelining"),
    pytest.mark.skipif(os.environ.get("TEST_DB") == "sqlite", reason="SQLite is not reached over a network."),
]

Site = Callable[[SmtpServer | int], None]


@pytest.fixture
def proxy(transactional_db: None) -> Iterator[DatabaseProxy]:
    with proxied_database() as proxy:
        yield proxy


def launched(owner: User, n: int) -> Mailing:
    make_crowd(owner, n)
    return change_status(make_mailing(owner).pk, "start", owner)


def all_once(mailing: Mailing, server: SmtpServer, n: int) -> None:
    connection.close()  # this thread's own was cut too
    assert sum(accepted_by(server).values()) == len(accepted_by(server)) == n
    assert counted(mailing) == {"sent": n}
    assert Attempt.objects.count() == n
    assert [check for check in audit_mailing(mailing.pk) if not check.ok] == []


async def test_it_keeps_the_replies_and_stops_soon_and_records_all_when_the_database_is_back(
    owner: User, site: Site, proxy: DatabaseProxy, tmp_path: Path
) -> None:
    mailing = await sync_to_async(launched)(owner, 200)
    with SmtpServer(slow(0.03)) as server:
        site(server)
        running = asyncio.create_task(send(Until.ALL_CLOSED, concurrency=5))
        await taken(server, 50)
        await asyncio.to_thread(proxy.cut)
        # With what was on the wire at the cut, at most one for each connection.
        before = said_in_journal(tmp_path, "handing over")
        await asyncio.sleep(1.0)  # several times what the rest would take
        without_ledger = said_in_journal(tmp_path, "handing over") - before
        async with asyncio.timeout(30):
            while said_in_journal(tmp_path, "reply") < len(server.accepted):  # noqa: ASYNC110 - the senders write it
                await asyncio.sleep(0.01)
        proxy.mend()
        await asyncio.wait_for(running, 60)
        assert without_ledger <= 2 * 5
        await sync_to_async(all_once)(mailing, server, 200)


@pytest.mark.parametrize(
    "statement",
    [b"INSERT INTO mailer_attempt", b"dated_at = COALESCE"],
    ids=["of results", "of a claim"],
)
async def test_a_commit_whose_answer_is_lost_counts_nothing_twice_and_loses_nothing(
    owner: User, site: Site, proxy: DatabaseProxy, statement: bytes
) -> None:
    mailing = await sync_to_async(launched)(owner, 100)
    with SmtpServer(slow(0.005)) as server:
        site(server)
        running = asyncio.create_task(send(Until.ALL_CLOSED, concurrency=5))
        await taken(server, 20)
        proxy.lose_answer_to(statement)
        await asyncio.wait_for(running, 60)
        await sync_to_async(all_once)(mailing, server, 100)
    assert proxy.answers_lost == 1


async def test_what_a_lost_answer_may_have_given_back_is_not_claimed_before_that_is_known(
    owner: User, proxy: DatabaseProxy, tmp_path: Path
) -> None:
    """Else it would be given back once more, out of the hands of the second claim."""
    mailing = await sync_to_async(launched)(owner, 5)
    async with registered_worker(tmp_path, sync=False) as worker:
        claims = await worker.claim(5, None)
        results = [Result(claim, WITHHELD, microseconds(), microseconds()) for claim in claims]
        proxy.lose_answer_to(b"COMMIT")
        giving_back = asyncio.create_task(worker.database.patiently(record_all, worker.id, results))
        await asyncio.sleep(0)
        with pytest.raises(OperationalError):
            await worker.claim(5, None)  # right behind it
        await asyncio.wait_for(giving_back, 30)
        again = await worker.claim(5, None)
    assert proxy.answers_lost == 1
    assert sorted(again) == sorted(claims)
    assert await sync_to_async(counted)(mailing) == {"sending": 5}


def test_a_transaction_that_stands_still_is_ended_and_lets_go_of_its_locks(db: None) -> None:
    """As that of a process that is stopped within one."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        assert cursor.fetchone() == ("30s",)
        cursor.execute("SET idle_in_transaction_session_timeout = '10ms'")
    # The client hears of it, or finds the connection closed, as it comes.
    with pytest.raises((InternalError, OperationalError), match=r"idle-in-transaction|closed the connection"):
        stand_still_within_a_transaction()
    connection.close()


@transaction.atomic
def stand_still_within_a_transaction() -> None:
    User.objects.select_for_update().first()
    time.sleep(0.05)
    User.objects.first()


def said_in_journal(data_dir: Path, word: str) -> int:
    """Of how many mails the journal says that."""
    return "".join(path.read_text() for path in (data_dir / "journal").iterdir()).count(f'"{word}"')


async def taken(server: SmtpServer, n: int) -> None:
    async with asyncio.timeout(60):
        while len(server.accepted) < n:  # noqa: ASYNC110 - the server is on a thread
            await asyncio.sleep(0.005)
