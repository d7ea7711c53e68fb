"""A mailing by a server that misbehaves to every third of its people: nobody is stuck, nobody charged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync, sync_to_async

from mailer.delivery.breaker import Breaker
from mailer.delivery.engine import Engine, Options, Until
from mailer.delivery.steps import Timeouts
from mailer.delivery.transport import Server, Transport, open_connection
from mailer.delivery.worker import registered_worker
from mailer.models import Attempt, Mailing
from tests.chaos.support.accept_log import AcceptLog
from tests.chaos.support.compare import compare
from tests.chaos.support.misbehaving import FAULTS
from tests.chaos.support.report import Report
from tests.chaos.support.senders import let_time_pass
from tests.chaos.support.sink import LoggingServer, Plan
from tests.chaos.support.sizes import once_in_short
from tests.support.smtp_server import Behaviour, Stage

STAGES: tuple[Stage, ...] = ("rcpt", "data", "body")
BAD = [(stage, fault) for stage in STAGES for fault in FAULTS]
UNKNOWN = sum(stage == "body" and fault != "unasked" for stage, fault in BAD)
WAIT = 2.0  # seconds for each reply that may be a fault: whoever behaves has replied by then, on a busy machine too
SHORT = Timeouts(rcpt=WAIT, data=WAIT, body=WAIT)


@once_in_short
@pytest.mark.usefixtures("pipelining")
@pytest.mark.django_db(transaction=True)
def test_a_mailing_gets_through_all_misbehaviours(
    launched: Callable[[int], Mailing], log: AcceptLog, tmp_path: Path, report: Report
) -> None:
    mailing = launched(3 * len(BAD))
    with LoggingServer(log.path, Plan(), misbehaviours()) as server:
        async_to_sync(sent_to_all)(mailing, server.port, tmp_path)
    found = compare(mailing, log)
    charged = Attempt.objects.filter(mailing=mailing, status=Attempt.Status.FAILURE).count()
    report.add(f"{len(BAD)} misbehaviours in one mailing", found, UNKNOWN, f"{charged} charged")
    found.assert_clean()
    assert found.uncertain == UNKNOWN
    assert charged == 0


def misbehaviours() -> dict[str, list[Behaviour]]:
    """One for every third recipient, the first time."""
    return {f"r{3 * n}@example.com": [replace(FAULTS[fault](stage), times=1)] for n, (stage, fault) in enumerate(BAD)}


async def sent_to_all(mailing: Mailing, port: int, folder: Path) -> None:
    opening = partial(open_connection, Server("127.0.0.1", port), SHORT)
    transport = Transport(opening, Breaker(opening, sleep=lambda _seconds: asyncio.sleep(0.01)))
    async with registered_worker(folder, sync=False) as worker, asyncio.timeout(180):
        time_passes = asyncio.create_task(keep_time_passing(mailing))
        await Engine(worker, transport, Options(4, Until.ALL_CLOSED), asyncio.Event()).run()
        time_passes.cancel()


async def keep_time_passing(mailing: Mailing) -> None:
    while True:
        await sync_to_async(let_time_pass)(mailing)
        await asyncio.sleep(0.05)
