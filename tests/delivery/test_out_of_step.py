"""A server that says one reply too many, or one too few: no mail is judged by what was said of another."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from mailer.delivery.channel import SmtpChannel
from mailer.delivery.outcome import Kind, Outcome, Scope
from mailer.delivery.transport import Server, open_connection
from tests.support.smtp_client import Gate, deliver, envelope

GROUPS, ONE_BY_ONE = b"250-scripted.example\r\n250 PIPELINING\r\n", b"250 scripted.example\r\n"
INVITED = b"250 2.1.0 Fine\r\n250 2.1.5 Fine\r\n354 Go ahead\r\n"
TAKEN = b"250 2.0.0 Taken\r\n"
DOT = b"\r\n.\r\n"
UNCERTAIN = (Kind.UNCERTAIN, Scope.RECIPIENT)
RELEASED = (Kind.DEFERRED, Scope.CONNECTION)


@asynccontextmanager
async def channel_to_one_that(offer: bytes, *script: tuple[bytes, bytes]) -> AsyncIterator[SmtpChannel]:
    """To a server that waits until these bytes have come, and says those in one breath."""

    has_ended = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for awaited, said in ((b"", b"220 Hello\r\n"), (b"\r\n", offer), *script):
            if awaited:
                await reader.readuntil(awaited)
            writer.write(said)
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()
        has_ended.set()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        channel = await open_connection(Server("127.0.0.1", server.sockets[0].getsockname()[1]))
        yield channel
        await channel.quit()
        await has_ended.wait()


def judged(outcome: Outcome) -> tuple[Kind, Scope]:
    return outcome.kind, outcome.scope


@pytest.mark.parametrize(
    ("said", "first_is", "rider_is"),
    [
        (INVITED, UNCERTAIN, RELEASED),  # nothing of the first one
        (b"250-Thinking\r\n" + INVITED, UNCERTAIN, RELEASED),
        (b"451 4.3.0 Stray\r\n" + TAKEN + INVITED, UNCERTAIN, RELEASED),
        (b"550 5.1.1 Stray\r\n" + TAKEN + INVITED, UNCERTAIN, RELEASED),
        (TAKEN + b"550 5.1.1 No such user\r\n" + INVITED, UNCERTAIN, RELEASED),
        (TAKEN + TAKEN + INVITED, (Kind.ACCEPTED, Scope.RECIPIENT), RELEASED),  # a yes, whichever is its own
        (TAKEN + b"550 5.7.1 Stray\r\n" + INVITED, UNCERTAIN, RELEASED),
    ],
)
async def test_the_end_of_a_mail_and_the_one_behind_it(
    said: bytes, first_is: tuple[Kind, Scope], rider_is: tuple[Kind, Scope]
) -> None:
    async with channel_to_one_that(GROUPS, (b"DATA\r\n", INVITED), (b"DATA\r\n", said)) as channel:
        first = channel.begin(envelope())
        assert await first.is_awaited()
        rider = channel.begin(envelope("rider@example.com"))
        first.hand_over()
        assert judged(await first.outcome()) == first_is
        assert not await rider.is_awaited()
        assert judged(await rider.outcome()) == rider_is
        assert not channel.is_usable


@pytest.mark.parametrize("stray", [b"451 4.3.0 Stray\r\n", b"550 5.1.1 Stray\r\n"])
async def test_a_refusal_and_an_acceptance_of_one_mail(stray: bytes) -> None:
    async with channel_to_one_that(GROUPS, (b"DATA\r\n", INVITED), (DOT, stray + TAKEN)) as channel:
        assert judged(await deliver(channel, envelope(), Gate())) == UNCERTAIN
        assert not channel.is_usable


@pytest.mark.parametrize(
    "said",
    [
        b"250 2.1.0 Fine\r\n550 5.1.1 Stray\r\n250 2.1.5 Fine\r\n354 Go ahead\r\n",
        b"550 5.7.1 Stray\r\n" + INVITED,
        b"354 Stray\r\n" + INVITED,
    ],
)
async def test_a_refusal_in_a_group_that_goes_on_as_if_there_were_none(said: bytes) -> None:
    gate = Gate()
    async with channel_to_one_that(GROUPS, (b"DATA\r\n", said)) as channel:
        outcome = await deliver(channel, envelope(), gate)
        assert not channel.is_usable
    assert judged(outcome) == RELEASED
    assert gate.asked == 0


@pytest.mark.parametrize(
    "said",
    [INVITED, b"250 2.1.0 Fine\r\n550 5.1.1 Stray\r\n", b"250 2.1.0 Fine\r\n250 2.1.5 Stray\r\n"],
)
async def test_a_reply_to_what_was_not_said_yet(said: bytes) -> None:
    gate = Gate()
    async with channel_to_one_that(ONE_BY_ONE, (b"MAIL FROM:<news@example.com>\r\n", said)) as channel:
        outcome = await deliver(channel, envelope(), gate)
        assert not channel.is_usable
    assert judged(outcome) == RELEASED
    assert not outcome.suppresses
    assert gate.asked == 0
