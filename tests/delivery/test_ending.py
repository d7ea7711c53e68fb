"""How the engine ends its tasks."""

from __future__ import annotations

import asyncio

from mailer.delivery import engine


async def test_a_task_that_swallows_a_cancellation_is_cancelled_again() -> None:
    swallowed = asyncio.Event()

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            swallowed.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        await engine._end({task})
    assert swallowed.is_set()
    assert task.cancelled()
