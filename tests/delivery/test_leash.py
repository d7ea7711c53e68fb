from __future__ import annotations

import asyncio
import time

import pytest

from mailer.delivery.leash import MOST_UNRECORDED, Leash


async def test_so_many_may_be_handed_over_and_no_more_before_the_database_answers() -> None:
    leash = Leash(3)
    for _mail in range(3):
        assert await leash.has_room()
        assert await leash.hand_over()
    assert not await leash.has_room()
    assert not await leash.hand_over()
    leash.answered()
    assert await leash.has_room()
    assert await leash.hand_over()


async def test_what_is_begun_before_an_answer_and_handed_over_after_it_counts_after_it() -> None:
    leash = Leash(2)
    for _mail in range(4):
        leash.begin()
    leash.answered()
    assert [await leash.hand_over() for _mail in range(3)] == [True, True, False]


async def test_whoever_waits_goes_on_at_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailer.delivery.leash.LOOK_EVERY", 60)
    leash = Leash(1)
    await leash.hand_over()
    waiting = asyncio.create_task(leash.has_room())
    begun = asyncio.create_task(leash.hand_over())
    await asyncio.sleep(0)
    leash.answered()
    async with asyncio.timeout(30):
        assert await waiting
        assert await begun


async def test_of_many_who_wait_no_more_go_on_than_there_is_room_for() -> None:
    leash = Leash(2)
    gone: list[int] = []

    async def sender(number: int) -> None:
        while not await leash.hand_over():
            continue
        gone.append(number)

    senders = [asyncio.create_task(sender(number)) for number in range(10)]
    for answers in range(1, 6):
        async with asyncio.timeout(30):
            while len(gone) < 2 * answers:  # noqa: ASYNC110 - the tasks are what is tried
                await asyncio.sleep(0)
        for _turn in range(20):
            await asyncio.sleep(0)
        assert len(gone) == 2 * answers
        leash.answered()
    await asyncio.gather(*senders)


async def test_where_something_is_asked_again_other_answers_say_nothing() -> None:
    leash = Leash(3)
    leash.lost()
    leash.answered()
    assert not await leash.has_room()
    leash.found()
    assert await leash.has_room()


async def test_a_ledger_that_gets_behind_is_waited_for() -> None:
    leash = Leash(3)
    for _mail in range(MOST_UNRECORDED):
        leash.begin()
    assert not await leash.has_room()
    assert await leash.hand_over()  # or none of a thousand that are begun at once would ever go
    leash.recorded(1)
    assert await leash.has_room()


async def test_it_tells_when_half_of_it_is_used_up_and_otherwise_after_a_while() -> None:
    leash = Leash(4)
    await leash.hand_over()
    began = time.monotonic()
    await leash.tightens(0.03)
    assert time.monotonic() - began >= 0.02
    waiting = asyncio.create_task(leash.tightens(60))
    await asyncio.sleep(0)
    await leash.hand_over()
    async with asyncio.timeout(30):
        await waiting
        await leash.tightens(60)
