from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from mailer.delivery.breaker import Breaker
from mailer.delivery.claim import Claim
from mailer.delivery.compose import Composer, Content
from mailer.delivery.database import DatabaseThread
from mailer.delivery.gate import Gate, Look
from mailer.delivery.journal import Journal
from mailer.delivery.leash import Leash
from mailer.delivery.marks import MarkFile
from mailer.delivery.outcome import Kind, Phase
from mailer.delivery.sender import Sender
from mailer.delivery.takeover import take_over
from mailer.delivery.transport import Server, Transport, open_connection
from mailer.delivery.verdict import Result
from mailer.delivery.worker import Worker
from tests.support.smtp_server import (
    Behaviour,
    Session,
    SmtpServer,
    Stage,
    close_at,
    refuse_recipient,
    reply_421_at,
)

MAILING, OTHER = 7, 8
NOW = datetime(2026, 11, 23, tzinfo=UTC)


@dataclass
class Desk:
    """A sender's surroundings: its worker, what it has sent, and the rules it goes by."""

    folder: Path
    clock: Callable[[], float] = lambda: 0.0
    leash: Leash = field(default_factory=lambda: Leash(100))
    loners: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.gate = Gate(self.clock)
        self.gate.update(Look({MAILING: 7200.0}), asked_at=0.0)
        self.gate.lease_held_until(60.0)
        self.journal = Journal.open(self.folder, 1, "host", "boot", sync=False)
        self.database = DatabaseThread()
        self.breaker: Breaker | None = None

    async def sent(self, server: SmtpServer, *claims: Claim) -> list[Result]:
        opening = partial(open_connection, Server("127.0.0.1", server.port))
        self.breaker = Breaker(opening)
        composers = dict.fromkeys((MAILING, OTHER), Composer(Content("News", "Hello", "news@example.com")))
        queue: asyncio.Queue[Claim | None] = asyncio.Queue()
        results: asyncio.Queue[Result | None] = asyncio.Queue()
        for item in (*claims, None):
            queue.put_nowait(item)
        mark = MarkFile(self.folder / "marks", "instance", 1)
        worker = Worker(1, self.database, self.database, self.gate, self.journal, mark, self.folder, "host")
        transport = Transport(opening, self.breaker)
        await Sender(worker, transport, composers, self.leash, self.loners, lambda: False).run(queue, results)
        found = [results.get_nowait() for _claim in claims]
        assert results.empty()
        return [result for result in found if result is not None]

    def close(self) -> None:
        self.journal.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.close()


def claim(n: int, mailing: int = MAILING) -> Claim:
    return Claim(n, mailing, 1, f"r{n}@example.com", f"Person {n}", f"<{n}@example.com>", {}, NOW)


def claims(n: int) -> list[Claim]:
    return [claim(number) for number in range(n)]


def kinds(results: list[Result]) -> dict[int, Kind]:
    return {result.claim.delivery_id: result.outcome.kind for result in results}


def taken(server: SmtpServer) -> list[str]:
    return [mail.rcpt_to.partition("@")[0] for mail in server.accepted]


async def test_frozen_while_it_writes_its_journal_it_hands_nothing_over(tmp_path: Path) -> None:
    def clock() -> float:
        """An hour passes while *handing over* is written."""
        with (tmp_path / "1.1.log").open("rb") as journal:
            return 0.0 if journal.read(1) == b"\0" else 3600.0

    desk = Desk(tmp_path, clock)
    with SmtpServer() as server:
        [result] = await desk.sent(server, claim(70))
    desk.close()
    assert server.accepted == []
    assert result.outcome.kind is Kind.WITHHELD
    takeover = take_over(tmp_path, 1)
    assert takeover is not None
    assert takeover.entries[70, 1].outcome == result.outcome
    takeover.remove()


@pytest.mark.parametrize("offers", [["PIPELINING"], []])
async def test_the_next_claim_rides_where_the_server_lets_it(desk: Desk, offers: list[str]) -> None:
    with SmtpServer(offers=offers) as server:
        results = await desk.sent(server, *claims(5))
    assert kinds(results) == dict.fromkeys(range(5), Kind.ACCEPTED)
    assert taken(server) == ["r0", "r1", "r2", "r3", "r4"]
    assert server.riders == (4 if offers else 0)
    assert server.connections == 1


async def test_a_refused_one_holds_nobody_up(desk: Desk) -> None:
    refusals = {f"r{n}@example.com": [refuse_recipient(550, "5.1.1 No such user")] for n in (0, 2, 3)}
    with SmtpServer(by_address=refusals) as server:
        results = await desk.sent(server, *claims(6))
    assert taken(server) == ["r1", "r4", "r5"]
    assert {n for n, kind in kinds(results).items() if kind is Kind.REJECTED} == {0, 2, 3}
    assert server.connections == 1


async def test_what_may_not_go_does_not_ride(desk: Desk) -> None:
    with SmtpServer() as server:
        results = await desk.sent(server, claim(0), claim(1, OTHER), claim(2), claim(3))
    assert kinds(results) == {0: Kind.ACCEPTED, 1: Kind.WITHHELD, 2: Kind.ACCEPTED, 3: Kind.ACCEPTED}
    assert [line for line in server.said("RCPT") if "r1@" in line] == []


async def test_what_was_forbidden_while_the_one_before_was_written_down_does_not_ride(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow_disk() -> None:
        desk.gate.update(Look({MAILING: 7200.0}), asked_at=0.0)

    desk.gate.update(Look({MAILING: 7200.0, OTHER: 7200.0}), asked_at=0.0)
    monkeypatch.setattr(desk.journal, "synced", slow_disk)
    with SmtpServer() as server:
        results = await desk.sent(server, claim(0), claim(1, OTHER))
    assert kinds(results) == {0: Kind.ACCEPTED, 1: Kind.WITHHELD}
    assert [line for line in server.said("RCPT") if "r1@" in line] == []


async def test_without_room_on_the_leash_nothing_is_handed_over(tmp_path: Path) -> None:
    desk = Desk(tmp_path, leash=Leash(1))
    with SmtpServer() as server:
        sending = asyncio.create_task(desk.sent(server, *claims(3)))
        for n in range(1, 4):
            async with asyncio.timeout(30):
                while len(server.accepted) < n:  # noqa: ASYNC110 - the server's thread is the one that changes it
                    await asyncio.sleep(0.005)
            await asyncio.sleep(0.03)
            assert len(server.accepted) == n
            desk.leash.answered()
        results = await sending
    desk.close()
    assert kinds(results) == dict.fromkeys(range(3), Kind.ACCEPTED)


async def test_a_gate_that_shuts_after_the_riders_go_ahead_keeps_it_from_going(desk: Desk) -> None:
    async def shut_the_gate(session: Session) -> str:
        if session.rcpt_to == "r1@example.com":
            desk.gate.update(Look({}), asked_at=0.0)
        return "354 Go ahead"

    with SmtpServer(Behaviour("data", shut_the_gate)) as server:
        results = await desk.sent(server, *claims(3))
    assert kinds(results) == {0: Kind.ACCEPTED, 1: Kind.WITHHELD, 2: Kind.WITHHELD}
    assert not any(result.outcome.is_charged for result in results[1:])
    assert taken(server) == ["r0"]
    assert server.said("QUIT") == []


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
@pytest.mark.parametrize("trouble", [close_at, reply_421_at])
async def test_who_was_cut_off_riding_is_suspected_of_nothing_and_rides_no_more(
    desk: Desk, trouble: Callable[..., Behaviour], stage: Stage
) -> None:
    with SmtpServer(by_connection={1: [nth(2, trouble(stage))]}) as server:
        results = await desk.sent(server, *claims(2))
        assert kinds(results) == {0: Kind.ACCEPTED, 1: Kind.WITHHELD}
        assert (results[1].outcome.phase, results[1].outcome.breaks) == (Phase(stage), False)
        assert desk.loners == {1}
        assert desk.breaker is not None
        assert desk.breaker.is_open is (trouble is reply_421_at)
        results = await desk.sent(server, claim(2), claim(1), claim(3))
    assert kinds(results) == dict.fromkeys((1, 2, 3), Kind.ACCEPTED)
    assert server.riders == 2  # behind 0 and behind 1
    assert desk.loners == set()


def nth(n: int, behaviour: Behaviour) -> Behaviour:
    """Behaves until it comes to the stage for the n-th time."""
    times = 0

    async def act(session: Session) -> str | None:
        nonlocal times
        times += 1
        return session.ordinary_reply(behaviour.stage) if times < n else await behaviour.act(session)

    return Behaviour(behaviour.stage, act)


async def test_by_itself_it_answers_for_the_connection(desk: Desk) -> None:
    with SmtpServer(close_at("rcpt")) as server:
        [result] = await desk.sent(server, claim(0))
    assert result.outcome.breaks
