from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import pytest

from mailer.delivery.breaker import Breaker
from mailer.delivery.compose import Envelope
from mailer.delivery.connection import ConnectFailed, Connection, SettledTransaction, Transaction
from mailer.delivery.outcome import Kind, Outcome, Phase, Reply, Scope, classify_break, classify_reply, withheld

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
    def __init__(self) -> None:
        self.is_usable = True
        self.takes_riders = False
        self.left = asyncio.Event()

    def begin(self, envelope: Envelope) -> Transaction:
        return SettledTransaction(withheld(Phase.MAIL))

    async def quit(self) -> None:
        self.is_usable = False
        self.left.set()


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


async def closed(breaker: Breaker) -> None:
    async with asyncio.timeout(30):
        while breaker.is_open:  # noqa: ASYNC110 - nothing but these tests waits for it
            await asyncio.sleep(0)


def refused(reason: str = "Connection refused") -> ConnectFailed:
    return ConnectFailed(reason, classify_break(Phase.CONNECT, reason))


async def test_it_is_closed_until_tripped_and_keeps_the_reason() -> None:
    line, clock = Line(), Clock()
    async with running(line, clock) as breaker:
        assert (breaker.is_open, breaker.reason, breaker.since) == (False, "", None)
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
        await closed(breaker)
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
            await closed(breaker)
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


def outcome(phase: Phase, code: int, text: str) -> Outcome:
    return classify_reply(phase, Reply(code, text))


TAKEN = outcome(Phase.BODY, 250, "2.0.0 Ok")
BUSY = outcome(Phase.MAIL, 421, "4.7.0 Too busy")
THROTTLED = outcome(Phase.BODY, 454, "Throttling failure: Maximum sending rate exceeded.")
CUT = classify_break(Phase.RCPT, "The connection was lost")


@pytest.mark.parametrize("heard", [BUSY, THROTTLED, outcome(Phase.RCPT, 452, "4.3.1 Insufficient system storage")])
async def test_a_server_that_is_busy_opens_it(heard: Outcome) -> None:
    breaker = Breaker(Line().open)
    breaker.hear(heard)
    assert (breaker.is_open, breaker.reason) == (True, f"{heard.reply_code} {heard.server_response}")
    assert not breaker.is_stuck


@pytest.mark.parametrize(
    "heard",
    [
        TAKEN,
        outcome(Phase.MAIL, 550, "5.7.1 Sender refused"),
        outcome(Phase.MAIL, 530, "5.7.0 Authentication required"),
        outcome(Phase.RCPT, 450, "4.7.1 Greylisted"),
        outcome(Phase.RCPT, 554, "5.7.1 Client host [192.0.2.1] blocked using zen.spamhaus.org"),
        classify_break(Phase.BODY, "The connection was lost"),
        withheld(Phase.DATA),
    ],
)
async def test_what_is_about_a_mailing_or_a_recipient_leaves_it_closed(heard: Outcome) -> None:
    breaker = Breaker(Line().open)
    for _time in range(20):
        breaker.hear(heard)
    assert not breaker.is_open


async def test_it_opens_when_transactions_break_one_after_another() -> None:
    breaker = Breaker(Line().open)
    for _time in range(3):
        for _break in range(4):
            breaker.hear(CUT)
        breaker.hear(TAKEN)
    assert not breaker.is_open
    for _break in range(5):
        breaker.hear(CUT)
    assert (breaker.is_open, breaker.reason) == (True, "The connection was lost")


async def test_it_lets_one_mail_at_a_time_try_a_server_that_is_back() -> None:
    line, clock = Line(), Clock()
    at_work: list[int] = []
    most_at_once: list[int] = []

    async def mail(number: int, heard: Outcome) -> bool:
        async with breaker.turn() as may_try:
            if may_try:
                at_work.append(number)
                most_at_once.append(len(at_work))
                await asyncio.sleep(0)
                breaker.hear(heard)
                at_work.remove(number)
            return may_try

    async with running(line, clock) as breaker:
        assert breaker.lets_all
        breaker.hear(BUSY)
        assert not breaker.lets_all
        assert not await mail(0, TAKEN)
        clock.wake.release()
        await closed(breaker)
        assert not breaker.lets_all
        assert await asyncio.gather(*(mail(n, BUSY) for n in range(5))) == [True, False, False, False, False]
        assert most_at_once == [1]
        clock.wake.release()
        await closed(breaker)
        assert await asyncio.gather(*(mail(n, TAKEN) for n in range(5))) == [True] * 5
        assert breaker.lets_all
        assert max(most_at_once) > 1  # the first went alone, and freed the others


async def test_a_break_on_trial_opens_it_again() -> None:
    line, clock = Line(), Clock()
    async with running(line, clock) as breaker:
        breaker.trip("Connection refused")
        clock.wake.release()
        await closed(breaker)
        breaker.hear(CUT)
        assert breaker.is_open


async def test_it_gives_the_probes_connection_to_the_first_who_asks() -> None:
    line, clock = Line(), Clock()
    async with running(line, clock) as breaker:
        assert breaker.take_connection() is None
        breaker.trip("Connection refused")
        clock.wake.release()
        await closed(breaker)
        taken = breaker.take_connection()
        assert taken is line.opened[0]
        assert breaker.take_connection() is None
    assert line.opened[0].is_usable


async def test_it_keeps_an_unused_connection_for_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailer.delivery.breaker.SPARE_FOR", 0.01)
    line, clock = Line(), Clock()
    async with running(line, clock) as breaker:
        breaker.trip("Connection refused")
        clock.wake.release()
        await closed(breaker)
        async with asyncio.timeout(30):
            await line.opened[0].left.wait()
        assert breaker.take_connection() is None


async def test_it_is_stuck_without_a_connection_or_after_three_trials_in_vain() -> None:
    line, clock = Line(), Clock()
    async with running(line, clock) as breaker:
        for _trial in range(3):
            breaker.hear(BUSY)
            assert not breaker.is_stuck
            clock.wake.release()
            await closed(breaker)
        breaker.hear(BUSY)
        assert breaker.is_stuck
        breaker.mail_passed()
        assert not breaker.is_stuck
        breaker.trip("Connection refused")
        assert breaker.is_stuck


@pytest.mark.parametrize("jitter", [0.0, 0.5, 1.0])
async def test_it_connects_at_most_ten_times_a_minute_to_a_server_that_takes_nothing(jitter: float) -> None:
    line, clock = Line(), Clock()
    passed = 0.0
    async with running(line, clock, jitter) as breaker:
        breaker.hear(BUSY)
        while (passed := passed + await clock.slept.get()) < 60:
            clock.wake.release()
            await closed(breaker)
            async with breaker.turn() as may_try:
                assert may_try
                assert breaker.take_connection() is not None  # so that the trial takes no connection of its own
                breaker.hear(BUSY)
    assert line.tries <= 10
