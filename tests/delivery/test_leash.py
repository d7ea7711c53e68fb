from __future__ import annotations

import asyncio

from mailer.delivery.leash import Leash


async def test_so_many_may_be_begun_and_no_more_before_the_ledger_commits() -> None:
    leash = Leash(3)
    for _mail in range(3):
        assert await leash.has_room()
        leash.begin()
    assert not await leash.has_room()
    leash.committed()
    assert await leash.has_room()


async def test_whoever_waits_goes_on_at_the_commit() -> None:
    leash = Leash(1)
    leash.begin()
    waiting = asyncio.create_task(leash.has_room())
    await asyncio.sleep(0)
    leash.committed()
    async with asyncio.timeout(0.2):
        assert await waiting


async def test_of_many_who_wait_no_more_go_on_than_there_is_room_for() -> None:
    leash = Leash(2)
    begun: list[int] = []

    async def sender(number: int) -> None:
        while not await leash.has_room():
            continue
        leash.begin()
        begun.append(number)

    senders = [asyncio.create_task(sender(number)) for number in range(10)]
    for commits in range(1, 6):
        async with asyncio.timeout(2):
            while len(begun) < 2 * commits:  # noqa: ASYNC110 - the tasks are what is tried
                await asyncio.sleep(0)
        for _turn in range(20):
            await asyncio.sleep(0)
        assert len(begun) == 2 * commits
        leash.committed()
    await asyncio.gather(*senders)
