"""The wiring: claimer → bounded queue → N senders → recorder; and how it stops, drained.

Nothing here decides about a mail: what may be claimed is decided in `claim`, what may go in `gate`, what a reply means
in `outcome`, what is written in `ledger`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from mailer.delivery import gate
from mailer.delivery.claimer import Claimer
from mailer.delivery.events import publish_changes
from mailer.delivery.leash import Leash
from mailer.delivery.ledger import Recorded
from mailer.delivery.pulse import Pulse
from mailer.delivery.recorder import Recorder
from mailer.delivery.schedule import run_schedule
from mailer.delivery.sender import Sender
from mailer.delivery.transport import Transport
from mailer.delivery.verdict import Result
from mailer.delivery.work_left import WorkLeft, work_left
from mailer.delivery.worker import Worker
from mailer.reasons import StatusReason

logger = logging.getLogger(__name__)

SCHEDULE_EVERY = 1.0  # seconds
MAKE_EVERY = 0.02  # seconds between two chunks of a large mailing's deliveries; other senders come in between
IDLE_LOOK = 0.5  # seconds between looks for due deliveries where there were none
PACED_LOOK = 0.2  # seconds, while a limit keeps claims back
PUBLISH_EVERY = 0.2  # seconds
CANCEL_AGAIN = 0.5  # seconds


class Until(Enum):
    """When the engine is done by itself."""

    NOTHING_DUE = "nothing due"
    ALL_CLOSED = "all closed"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Options:
    concurrency: int
    until: Until
    only_mailing: int | None = None


@dataclass
class Summary:
    """What one run did: deliveries by the state they came to, what is left, and what stood in the way."""

    states: Counter[str] = field(default_factory=Counter)
    paused: dict[int, StatusReason] = field(default_factory=dict)  # mailings that an error paused, and why
    left: WorkLeft = field(default_factory=lambda: WorkLeft(0, 0, None))
    trouble: str = ""


class Engine:
    """One run of a worker. `on_recorded` hears of every batch after its commit."""

    def __init__(
        self,
        worker: Worker,
        transport: Transport,
        options: Options,
        stop: asyncio.Event,
        on_recorded: Callable[[Recorded], None] = lambda recorded: None,
    ) -> None:
        self._worker = worker
        self._database = worker.database
        self._transport = transport
        self._breaker = transport.breaker
        self._options = options
        self._stop = stop
        self._on_recorded = on_recorded
        self._summary = Summary()
        self._failure: BaseException | None = None
        self._claimer = Claimer(worker, transport.breaker, options.concurrency, options.only_mailing)
        self._results: asyncio.Queue[Result | None] = asyncio.Queue()  # no longer than the leash lets it be
        self._pulse = Pulse(lambda: self._leash.answered())
        self._leash = Leash(2 * options.concurrency, self._pulse.ask)
        self._aside = worker.aside
        self._database.listener = self._aside.listener = self._leash
        self._loners: set[int] = set()  # deliveries that go by themselves
        self._wake = asyncio.Event()  # something was recorded or launched: look for work again
        self._changed: set[int] = set()  # mailings whose watchers have not been told yet

    async def run(self) -> Summary:
        """Send until done or stopped; then finish what is on the wire, record it, and release the rest.

        Raises LeaseLost when another worker took over, and what a bug raised, after the same drain.
        """
        side_tasks = [
            self._start("lease", self._worker.keep_lease(self._trouble)),
            self._start("pulse", self._pulse.keep()),
            self._start("breaker", self._breaker.run()),
            self._start("gate", self._keep_gate()),
            self._start("schedule", self._keep_schedule()),
            self._start("publisher", self._keep_publishing()),
        ]
        recorder = self._start("recorder", self._record())
        senders = [self._start(f"sender {n}", self._sender()) for n in range(self._options.concurrency)]
        claimer = self._start("claimer", self._claim_until_done())
        try:
            await claimer
            self._claimer.end()
            await asyncio.gather(*senders)
            self._results.put_nowait(None)
            await recorder
        finally:
            await _end({claimer, *senders, recorder, *side_tasks})
        await publish_changes(self._changed)
        if self._failure is not None:
            raise self._failure
        self._summary.left = await self._database(work_left, self._options.only_mailing)
        self._summary.states.update(self._worker.swept.outcomes)
        self._summary.paused |= self._worker.held
        self._summary.trouble = self._trouble() or self._summary.trouble
        return self._summary

    def _start(self, name: str, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run it as a task whose failure stops the engine in good order instead of being forgotten."""

        async def watched() -> None:
            try:
                await coroutine
            except Exception as error:
                logger.exception("The engine's %s failed; stopping.", name)
                self._fail(error)

        return asyncio.create_task(watched(), name=name)

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self._wake.set()

    def _is_stopping(self) -> bool:
        return self._stop.is_set() or self._failure is not None

    def _sender(self) -> Coroutine[Any, Any, None]:
        composers = self._claimer.composers
        sender = Sender(self._worker, self._transport, composers, self._leash, self._loners, self._is_stopping)
        return sender.run(self._claimer.claims, self._results)

    def _trouble(self) -> str:
        since = self._breaker.since
        return f"{self._breaker.reason} (since {since:%H:%M} UTC)" if since else ""

    async def _claim_until_done(self) -> None:
        while not self._is_stopping():
            self._wake.clear()
            more = await self._claimer.claim()
            if not more and not self._claimer.in_hand and await self._is_done():
                return
            if more is False and self._claimer.keeps_back:
                await asyncio.sleep(PACED_LOOK)  # whatever is recorded in between: a limit says when there is more
            elif not more:
                await _wait(self._wake, IDLE_LOOK)

    async def _is_done(self) -> bool:
        if self._options.until is Until.STOPPED:
            return False
        if self._breaker.is_open:
            gives_up = self._options.until is Until.NOTHING_DUE and self._breaker.is_stuck
            self._summary.trouble = self._trouble() if gives_up else ""
            return gives_up
        await self._aside.patiently(run_schedule, self._options.only_mailing)
        left = await self._database.patiently(work_left, self._options.only_mailing)
        return left.due == 0 and (left.later == 0 or self._options.until is Until.NOTHING_DUE)

    async def _record(self) -> None:
        try:
            await Recorder(self._worker, self._leash, self._note).run(self._results)
        except Exception as error:
            self._fail(error)
            while await self._results.get() is not None:
                continue  # so that the senders can finish; the journal tells the next worker
            raise

    def _note(self, batch: list[Result], recorded: Recorded) -> None:
        self._claimer.recorded(batch)
        self._summary.states.update(recorded.outcomes)
        self._summary.paused |= recorded.to_pause
        self._changed |= recorded.mailing_ids
        self._on_recorded(recorded)
        self._wake.set()

    async def _keep_gate(self) -> None:
        while True:
            await self._worker.look(self._claimer.in_hand)
            await asyncio.sleep(gate.LOOK_EVERY)

    async def _keep_schedule(self) -> None:
        while True:
            makes_more = await self._aside.patiently(run_schedule, self._options.only_mailing)
            self._wake.set()
            await asyncio.sleep(MAKE_EVERY if makes_more else SCHEDULE_EVERY)

    async def _keep_publishing(self) -> None:
        while True:
            changed = self._changed | self._worker.swept.mailing_ids
            self._changed = set()
            self._worker.swept.mailing_ids.clear()
            await publish_changes(changed)
            await asyncio.sleep(PUBLISH_EVERY)


async def _end(tasks: set[asyncio.Task[None]]) -> None:
    """Cancel them until all have ended: on Python 3.11 a library's `wait_for` can swallow a cancellation."""
    while tasks:
        for task in tasks:
            task.cancel()
        _ended, tasks = await asyncio.wait(tasks, timeout=CANCEL_AGAIN)


async def _wait(event: asyncio.Event, most: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(most):
            await event.wait()
