from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from mailer.delivery.breaker import Breaker
from mailer.delivery.claim import Claim
from mailer.delivery.compose import Composer, Content
from mailer.delivery.database import DatabaseThread
from mailer.delivery.gate import Gate, Look
from mailer.delivery.journal import Journal, take_over
from mailer.delivery.leash import Leash
from mailer.delivery.ledger import Result
from mailer.delivery.marks import MarkFile
from mailer.delivery.outcome import Kind
from mailer.delivery.sender import Sender
from mailer.delivery.transport import Server, Transport, open_connection
from mailer.delivery.worker import Worker
from tests.support.smtp_server import SmtpServer

MAILING, DELIVERY = 7, 70


async def test_frozen_while_it_writes_its_journal_it_hands_nothing_over(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, 1, "host", "boot", sync=False)

    def clock() -> float:
        """An hour passes while *handing over* is written."""
        return 3600.0 if (tmp_path / "1.1.log").stat().st_size else 0.0

    gate = Gate(clock)
    gate.update(Look({MAILING: 7200.0}), asked_at=0.0)
    gate.lease_held_until(60.0)
    database = DatabaseThread()
    mark = MarkFile(tmp_path / "marks", "instance", 1)
    worker = Worker(1, database, gate, journal, mark, tmp_path, "host")
    with SmtpServer() as server:
        result = await sent(worker, server)
    database.close()
    journal.close()
    assert server.accepted == []
    assert result.outcome.kind is Kind.WITHHELD
    takeover = take_over(tmp_path, 1)
    assert takeover is not None
    assert takeover.entries[DELIVERY, 1].outcome == result.outcome
    takeover.remove()


async def sent(worker: Worker, server: SmtpServer) -> Result:
    opening = partial(open_connection, Server("127.0.0.1", server.port))
    composers = {MAILING: Composer(Content("News", "Hello", "news@example.com"))}
    now = datetime(2026, 11, 23, tzinfo=UTC)
    claim = Claim(DELIVERY, MAILING, 1, "ann@example.com", "Ann", "<1@example.com>", {}, now)
    claims: asyncio.Queue[Claim | None] = asyncio.Queue()
    results: asyncio.Queue[Result | None] = asyncio.Queue()
    for item in (claim, None):
        claims.put_nowait(item)
    await Sender(worker, Transport(opening, Breaker(opening)), composers, Leash(2), lambda: False).run(claims, results)
    result = results.get_nowait()
    assert result is not None
    return result
