from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

from mailer.delivery.breaker import Breaker
from mailer.delivery.compose import Envelope
from mailer.delivery.connection import ConnectFailed, Connection, HandOver
from mailer.delivery.outcome import Kind, Outcome, Phase, Scope, classify_break, withheld

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Line:
    """A line to a server that may be cut, and the connections it gave."""

    def __init__(self) -> None:
        self.failure: ConnectFailed | None = None
        self.opened: list[Plug] = []
        self.tries = 0

    async def open(self) -> Connection:
        self.tries += 1
        if self.failure is not None:
            raise self.failure
        self.opened.append(Plug())
        return self.opened[-1]


class Plug:
    is_usable = True

    async def deliver(self, envelope: Envelope, hand_over: HandOver) -> Outcome:
        return withheld(Phase.MAIL)

    async def quit(self) -> None:
        self.is_usable = False


class Clock:
    """Sleeps end when the test says so."""

    def __init__(self) -> None:
        self.slept: asyncio.Queue[float] = asyncio.Queue()
        self.wake = asyncio.Semaphore(0)

    async def sleep(self, seconds: float) -> None:
        self.slept.put_nowait(seconds)
        await self.wake.acquire()


@asynccontextmanager
async def running(line: Line, clock: Clock, jitter: float = 0.5) -> AsyncIterator[Breaker]:
    breaker = Breaker(line.open, clock.sleep, lambda: jitter, lambda: NOW)
    task = asyncio.create_task(breaker.run())
    try:
        yield breaker
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def refused(reason: str = "Connection refused") -> ConnectFailed:
    return ConnectFailed(reason, classify_break(Phase.CONNECT, reason))


async def test_it_is_closed_until_tripped_and_keeps_the_reason() -> None:
    line, clock = Line(), Clock()
    async with running(line, clock) as breaker:
        assert (breaker.is_open, breaker.reason, breaker.since) == (False, "", None)
        await breaker.wait_closed()
        breaker.trip("Connection refused by mail.example.com:25")
        breaker.trip("No answer")
        assert (breaker.is_open, breaker.reason, breaker.since) == (True, "No answer", NOW)
    assert line.tries == 0


async def test_it_closes_on_the_first_probe_that_succeeds_and_leaves_no_connection() -> None:
    line, clock = Line(), Clock()
    async with running(line, clock) as breaker:
        breaker.trip("Connection refused")
        assert await clock.slept.get() == 1.0
        clock.wake.release()
        await breaker.wait_closed()
        assert (breaker.is_open, breaker.reason, breaker.since) == (False, "", None)
    assert [plug.is_usable for plug in line.opened] == [False]


async def test_it_probes_one_at_a_time_and_ever_more_rarely() -> None:
    line, clock = Line(), Clock()
    line.failure = refused("Still refused")
    async with running(line, clock) as breaker:
        breaker.trip("Connection refused")
        waits = []
        for _probe in range(9):
            waits.append(await clock.slept.get())
            assert line.tries == len(waits) - 1
            clock.wake.release()
        assert await clock.slept.get() == 60.0
        assert breaker.reason == "Still refused"
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


async def test_it_scatters_the_probes() -> None:
    line, clock = Line(), Clock()
    async with running(line, clock, jitter=0.0) as breaker:
        breaker.trip("Connection refused")
        assert await clock.slept.get() == 0.8


async def test_it_starts_over_only_once_mail_has_passed() -> None:
    line, clock = Line(), Clock()
    async with running(line, clock) as breaker:
        for expected in (1, 2):
            breaker.trip("421 Too busy")
            assert await clock.slept.get() == expected
            clock.wake.release()
            await breaker.wait_closed()
        breaker.mail_passed()
        breaker.trip("421 Too busy")
        assert await clock.slept.get() == 1


async def test_it_is_slow_to_try_a_refused_login_again() -> None:
    line, clock = Line(), Clock()
    reason = "535 Wrong password"
    line.failure = ConnectFailed(reason, Outcome(Kind.REJECTED, Scope.ACCOUNT, Phase.LOGIN, 535, "", reason))
    async with running(line, clock) as breaker:
        breaker.trip("Connection refused")
        await clock.slept.get()
        clock.wake.release()
        assert await clock.slept.get() == 900
        assert breaker.reason == reason
