"""The database's pulse: signs of life on a connection that the event loop asks by itself."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mailer.delivery.pulse import Pulse
from tests.support.database_proxy import DatabaseProxy, proxied_database

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(os.environ.get("TEST_DB") == "sqlite", reason="SQLite has no server that could answer."),
]


@pytest.fixture
def proxy(transactional_db: None) -> Iterator[DatabaseProxy]:
    with proxied_database() as proxy:
        yield proxy


class Patient:
    """Asks until there is an answer, and counts them."""

    def __init__(self) -> None:
        self.heard = 0
        self._answer = asyncio.Event()
        self.pulse = Pulse(self._hear)

    def _hear(self) -> None:
        self.heard += 1
        self._answer.set()

    def expect(self) -> int:
        """From now on another answer is waited for. Returns how many there were."""
        self._answer.clear()
        return self.heard

    async def answer(self) -> None:
        async with asyncio.timeout(30):
            await self._answer.wait()

    async def ask(self, seconds: float = 30) -> None:
        self.expect()
        async with asyncio.timeout(seconds):
            while not self._answer.is_set():
                self.pulse.ask()
                await asyncio.sleep(0.01)


@asynccontextmanager
async def kept() -> AsyncIterator[Patient]:
    patient = Patient()
    task = asyncio.create_task(patient.pulse.keep())
    try:
        yield patient
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_database_answers_and_is_asked_again() -> None:
    async with kept() as patient:
        for _time in range(3):
            await patient.ask()


async def test_it_owes_one_answer_at_a_time() -> None:
    async with kept() as patient:
        await patient.ask()
        before = patient.expect()
        for _time in range(10):
            patient.pulse.ask()
        await patient.answer()
        await asyncio.sleep(0.05)  # for a second one, which nobody is owed
        assert patient.heard == before + 1


async def test_nothing_is_heard_of_a_database_that_is_away_and_of_one_that_is_back_it_is(proxy: DatabaseProxy) -> None:
    async with kept() as patient:
        await patient.ask()
        await asyncio.to_thread(proxy.cut)
        await asyncio.sleep(0.05)
        before = patient.heard
        with pytest.raises(TimeoutError):
            await patient.ask(0.3)
        assert patient.heard == before
        proxy.mend()
        await patient.ask()


async def test_a_broken_connection_leaves_the_loop_as_it_was(proxy: DatabaseProxy) -> None:
    """The next socket gets the number that libpq has let go of."""

    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        writer.close()
        await writer.wait_closed()

    async with kept() as patient, await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        for _time in range(3):
            await patient.ask()
            await asyncio.to_thread(proxy.cut)
            await asyncio.sleep(0.05)
            for _connection in range(4):
                async with asyncio.timeout(30):
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                    assert await reader.readline() == b"220 here\r\n"
                    writer.close()
                    await writer.wait_closed()
            proxy.mend()


async def test_before_it_is_connected_nobody_is_asked() -> None:
    heard: list[Any] = []
    Pulse(lambda: heard.append(1)).ask()
    assert heard == []
