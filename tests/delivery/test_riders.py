"""A mail that begins right behind the end of the one before it (RFC 2920 §3.1)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from mailer.delivery.channel import SmtpChannel
from mailer.delivery.connection import Transaction
from mailer.delivery.outcome import Kind, Outcome, Phase, Scope
from mailer.delivery.steps import Timeouts
from tests.support.smtp_client import CONTENT, Gate, channel_to, deliver, envelope, impatient
from tests.support.smtp_server import (
    Behaviour,
    SmtpServer,
    Stage,
    close_at,
    drop_after_dot,
    garbage_at,
    go_ahead_for_nobody,
    refuse_data,
    refuse_message,
    refuse_recipient,
    refuse_sender,
    reply_421_at,
    reset_at,
    say_more_after,
    silent_after_dot,
    silent_at,
    slow,
)

RIDER = "rider@example.com"


async def both(channel: SmtpChannel) -> tuple[Outcome, Outcome]:
    """A mail, and another one behind it."""
    first = channel.begin(envelope("first@example.com"))
    assert await first.is_awaited()
    rider = channel.begin(envelope(RIDER))
    first.hand_over()
    outcome = await first.outcome()
    return outcome, await seen_through(rider)


async def seen_through(mail: Transaction) -> Outcome:
    if await mail.is_awaited():
        mail.hand_over()
    return await mail.outcome()


async def test_it_goes_out_in_one_write_with_the_end_of_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    with SmtpServer() as server:
        async with channel_to(server) as channel:
            written = writes_of(channel, monkeypatch)
            outcomes = await both(channel)
    assert [outcome.kind for outcome in outcomes] == [Kind.ACCEPTED, Kind.ACCEPTED]
    assert [mail.rcpt_to for mail in server.accepted] == ["first@example.com", RIDER]
    group = b"MAIL FROM:<news@example.com> SIZE=61\r\nRCPT TO:<%b>\r\nDATA\r\n"
    assert written == [
        group % b"first@example.com",
        CONTENT + b".\r\n" + group % RIDER.encode(),
        CONTENT + b".\r\n",
    ]


def writes_of(channel: SmtpChannel, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """All that it writes until it takes leave."""
    written: list[bytes] = []
    write = channel._transport.write

    def noted(data: bytes) -> None:
        if data != b"QUIT\r\n":
            written.append(data)
        write(data)

    monkeypatch.setattr(channel._transport, "write", noted)
    return written


async def test_it_may_come_while_the_one_before_waits_for_its_reply() -> None:
    with SmtpServer(slow(0.05, times=1)) as server:
        async with channel_to(server) as channel:
            first = channel.begin(envelope("first@example.com"))
            assert await first.is_awaited()
            first.hand_over()
            await server.reached("body")
            rider = channel.begin(envelope(RIDER))
            assert (await first.outcome()).kind is Kind.ACCEPTED
            assert (await seen_through(rider)).kind is Kind.ACCEPTED


async def test_many_ride_one_behind_the_other() -> None:
    with SmtpServer(byte_by_byte=True) as server:
        async with channel_to(server) as channel:
            mail = channel.begin(envelope("r0@example.com"))
            for number in range(1, 20):
                assert await mail.is_awaited()
                rider = channel.begin(envelope(f"r{number}@example.com"))
                mail.hand_over()
                assert (await mail.outcome()).kind is Kind.ACCEPTED
                mail = rider
            assert (await seen_through(mail)).kind is Kind.ACCEPTED
    assert [mail.rcpt_to for mail in server.accepted] == [f"r{number}@example.com" for number in range(20)]
    assert server.connections == 1


@pytest.mark.parametrize(
    ("refusal", "kind", "phase"),
    [
        (refuse_sender(550, "5.7.1 Not you"), Kind.REJECTED, Phase.MAIL),
        (refuse_recipient(550, "5.1.1 No such user"), Kind.REJECTED, Phase.RCPT),
        (refuse_data(451, "4.3.0 Not now"), Kind.DEFERRED, Phase.DATA),
        (refuse_message(554, "5.7.1 Spam"), Kind.REJECTED, Phase.BODY),
    ],
)
@pytest.mark.parametrize("refused", ["first@example.com", RIDER])
async def test_each_gets_its_own_reply(refusal: Behaviour, kind: Kind, phase: Phase, refused: str) -> None:
    answers = {refused: [refusal], f"from-{refused}": [refusal]}
    with SmtpServer(by_address=answers) as server:
        async with channel_to(server) as channel:
            outcomes = {}
            mail: Transaction | None = None
            for address in ("first@example.com", RIDER, "last@example.com"):
                before, mail = mail, channel.begin(envelope(address, mail_from=f"from-{address}"))
                if before is not None:
                    before.hand_over()
                    outcomes[before] = await before.outcome()
                if not await mail.is_awaited():
                    outcomes[mail], mail = await mail.outcome(), None
            assert mail is not None
            last = await seen_through(mail)
    assert last.kind is Kind.ACCEPTED
    found = [outcome for outcome in outcomes.values() if outcome.kind is not Kind.ACCEPTED]
    assert [(outcome.kind, outcome.phase) for outcome in found] == [(kind, phase)]
    assert {mail.rcpt_to for mail in server.accepted} == {"first@example.com", RIDER, "last@example.com"} - {refused}
    assert len(server.said("RSET")) == (phase is not Phase.BODY)
    assert server.connections == 1


async def test_a_refused_one_is_forgotten_in_the_group_of_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    with SmtpServer(by_address={RIDER: [refuse_recipient(550, "5.1.1 No such user")]}) as server:
        async with channel_to(server) as channel:
            written = writes_of(channel, monkeypatch)
            await both(channel)
            assert (await deliver(channel, envelope("next@example.com"), Gate())).kind is Kind.ACCEPTED
    assert written[2].startswith(b"RSET\r\nMAIL FROM:<news@example.com>")
    assert written[2].endswith(b"DATA\r\n")


async def test_where_data_is_let_through_for_nobody_a_single_dot_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = refuse_recipient(550, "5.1.1 No such user", times=1)
    with SmtpServer(refusal, go_ahead_for_nobody()) as server:
        async with channel_to(server) as channel:
            written = writes_of(channel, monkeypatch)
            gate = Gate()
            refused = await deliver(channel, envelope(), gate)
            accepted = await deliver(channel, envelope("bob@example.com"), Gate())
    assert (refused.kind, refused.phase, refused.reply_code) == (Kind.REJECTED, Phase.RCPT, 550)
    assert accepted.kind is Kind.ACCEPTED
    assert written[1] == b".\r\n"
    assert gate.asked == 0
    assert [mail.rcpt_to for mail in server.accepted] == ["bob@example.com"]
    assert server.to_nobody == [b""]
    assert server.connections == 1


async def test_without_a_sender_not_even_the_dot_is_said() -> None:
    """Who refuses the sender, takes the recipient and wants the mail might send an empty one, or has miscounted."""
    with SmtpServer(refuse_sender(550, "5.7.1 Not you"), takes_all_the_same("rcpt"), go_ahead_for_nobody()) as server:
        async with channel_to(server) as channel:
            refused = await deliver(channel, envelope(), Gate())
            assert not channel.is_usable
    assert (refused.kind, refused.scope, refused.phase) == (Kind.DEFERRED, Scope.CONNECTION, Phase.MAIL)
    assert server.accepted == []
    assert server.to_nobody == []


async def test_a_server_that_takes_the_mail_to_nobody_is_left() -> None:
    with SmtpServer(refuse_recipient(550, "5.1.1 No such user"), go_ahead_for_nobody("250 2.0.0 Taken")) as server:
        async with channel_to(server) as channel:
            refused = await deliver(channel, envelope(), Gate())
            assert not channel.is_usable
    assert (refused.kind, refused.phase, refused.reply_code) == (Kind.REJECTED, Phase.RCPT, 550)


@pytest.mark.parametrize("trouble", [close_at, reset_at, garbage_at, silent_at, reply_421_at])
async def test_a_refusal_stands_whatever_becomes_of_the_rest_of_its_group(
    trouble: Callable[[Stage], Behaviour],
) -> None:
    with SmtpServer(refuse_recipient(550, "5.1.1 No such user"), trouble("data")) as server:
        async with channel_to(server, impatient("data")) as channel:
            refused = await deliver(channel, envelope(), Gate())
            assert not channel.is_usable
    assert (refused.kind, refused.phase, refused.reply_code) == (Kind.REJECTED, Phase.RCPT, 550)


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
@pytest.mark.parametrize("trouble", [close_at, reset_at, garbage_at, silent_at, reply_421_at])
async def test_a_break_before_its_end_leaves_the_one_before_accepted(
    trouble: Callable[[Stage], Behaviour], stage: Stage
) -> None:
    with SmtpServer(by_address={RIDER: [trouble(stage)], "bad@example.com": [trouble(stage)]}) as server:
        async with channel_to(server, impatient(stage)) as channel:
            first = channel.begin(envelope("first@example.com"))
            assert await first.is_awaited()
            rider = channel.begin(envelope(RIDER, mail_from="bad@example.com"))
            first.hand_over()
            accepted, broken = await first.outcome(), await seen_through(rider)
            assert not channel.is_usable
    assert accepted.kind is Kind.ACCEPTED
    assert (broken.kind, broken.scope, broken.phase) == (Kind.DEFERRED, Scope.CONNECTION, stage)
    assert broken.breaks
    assert [mail.rcpt_to for mail in server.accepted] == ["first@example.com"]


@pytest.mark.parametrize("vanish", [drop_after_dot, silent_after_dot])
async def test_what_rode_behind_a_lost_reply_was_never_handed_over(vanish: Callable[[], Behaviour]) -> None:
    with SmtpServer(vanish()) as server:
        async with channel_to(server, impatient("body")) as channel:
            lost, rider = await both(channel)
    assert (lost.kind, lost.scope) == (Kind.UNCERTAIN, Scope.RECIPIENT)
    assert (rider.kind, rider.scope, rider.phase) == (Kind.DEFERRED, Scope.CONNECTION, Phase.MAIL)
    assert [mail.rcpt_to for mail in server.accepted] == ["first@example.com"]


async def test_a_word_too_many_is_never_taken_for_the_riders_acceptance() -> None:
    with SmtpServer(say_more_after("body", "250 2.0.0 Taken", times=1)) as server:
        async with channel_to(server) as channel:
            first, rider = await both(channel)
            assert not channel.is_usable
    assert first.kind is Kind.ACCEPTED
    assert (rider.kind, rider.scope) == (Kind.DEFERRED, Scope.CONNECTION)
    assert [mail.rcpt_to for mail in server.accepted] == ["first@example.com"]


async def test_the_time_for_a_reply_begins_when_the_one_before_has_come() -> None:
    """Each takes less than its time-out, all together far more."""
    patient = Timeouts(mail=1.1, rcpt=1.1, data=1.1, body=1.1, reset=1.1)
    stages: tuple[Stage, ...] = ("mail", "rcpt", "data", "body")
    with SmtpServer(*(slow(0.4, stage) for stage in stages)) as server:
        async with channel_to(server, patient) as channel:
            first, rider = await both(channel)
    assert first.kind is rider.kind is Kind.ACCEPTED


async def test_withheld_it_is_dropped_without_its_dot() -> None:
    with SmtpServer() as server:
        async with channel_to(server) as channel:
            first = channel.begin(envelope("first@example.com"))
            assert await first.is_awaited()
            rider = channel.begin(envelope(RIDER))
            first.hand_over()
            assert (await first.outcome()).kind is Kind.ACCEPTED
            assert await rider.is_awaited()
            rider.withhold()
            assert not channel.is_usable
            outcome = await rider.outcome()
    assert (outcome.kind, outcome.is_charged, outcome.phase) == (Kind.WITHHELD, False, Phase.DATA)
    assert [mail.rcpt_to for mail in server.accepted] == ["first@example.com"]


async def test_behind_one_that_is_withheld_it_is_not_begun() -> None:
    with SmtpServer() as server:
        async with channel_to(server) as channel:
            first = channel.begin(envelope("first@example.com"))
            assert await first.is_awaited()
            rider = channel.begin(envelope(RIDER))
            first.withhold()
            assert not await rider.is_awaited()
            outcome = await rider.outcome()
    assert (outcome.kind, outcome.is_charged, outcome.phase) == (Kind.WITHHELD, False, Phase.MAIL)
    assert len(server.said("MAIL")) == 1
    assert server.accepted == []


async def test_taking_leave_in_the_middle_it_says_nothing_more() -> None:
    with SmtpServer(silent_at("body")) as server:
        async with channel_to(server, Timeouts(quit=600)) as channel:
            first = channel.begin(envelope("first@example.com"))
            assert await first.is_awaited()
            rider = channel.begin(envelope(RIDER))
            first.hand_over()
            await server.reached("body")
            await asyncio.wait_for(channel.quit(), 30)
            kinds = [(await mail.outcome()).kind for mail in (first, rider)]
    assert kinds == [Kind.UNCERTAIN, Kind.DEFERRED]
    assert server.said("QUIT") == []


def takes_all_the_same(stage: Stage) -> Behaviour:
    """Says yes to what is out of order."""

    async def act(session: object) -> str:
        return "250 2.0.0 Fine"

    return Behaviour(stage, act)
