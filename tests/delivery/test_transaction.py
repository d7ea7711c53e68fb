from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.channel import SmtpChannel
from mailer.delivery.compose import Envelope
from mailer.delivery.outcome import Kind, Outcome, Phase, Scope
from mailer.delivery.steps import Timeouts
from mailer.delivery.wire import CHUNK, wire_format
from tests.support.smtp_client import CONTENT, Gate, channel_to, deliver, envelope, impatient
from tests.support.smtp_server import (
    Behaviour,
    SmtpServer,
    Stage,
    close_at,
    close_within_body,
    drop_after_dot,
    garbage_at,
    greylist,
    half_reply_at,
    pause_reading_at,
    refuse_data,
    refuse_message,
    refuse_recipient,
    refuse_sender,
    reply_421_at,
    reply_at,
    reply_within_body,
    reset_at,
    say_more_after,
    silent_after_dot,
    silent_at,
    slow,
    stop_reading_at,
    unstuffed,
)

LARGE = CONTENT + b"A line of a long mail.\r\n" * 20_000
HUGE = CONTENT + b"A line of a very long mail.\r\n" * 600_000  # more than the buffers of both ends hold

pytestmark = pytest.mark.usefixtures("pipelining")

STAGES: list[Stage] = ["mail", "rcpt", "data", "body"]


async def delivered(server: SmtpServer, mail: Envelope | None = None, timeouts: Timeouts | None = None) -> Outcome:
    async with channel_to(server, timeouts) as channel:
        return await deliver(channel, mail or envelope(), Gate())


@pytest.mark.parametrize("offers", [[], ["PIPELINING"], ["PIPELINING", "SIZE 1000", "8BITMIME", "SMTPUTF8"]])
async def test_it_sends_its_commands_together_where_that_is_offered(offers: list[str]) -> None:
    gate = Gate()
    with SmtpServer(offers=offers) as server:
        async with channel_to(server) as channel:
            outcome = await deliver(channel, envelope(), gate)
            assert channel.is_usable
    assert outcome == Outcome(Kind.ACCEPTED, Scope.RECIPIENT, Phase.BODY, 250, "2.0.0", "2.0.0 Taken")
    assert [(mail.mail_from, mail.rcpt_to, mail.content) for mail in server.accepted] == [
        ("news@example.com", "ann@example.com", CONTENT)
    ]
    assert gate.asked == 1
    assert server.pipelined is ("PIPELINING" in offers)


async def test_it_carries_many_mails_on_one_connection() -> None:
    with SmtpServer() as server:
        async with channel_to(server) as channel:
            for number in range(20):
                await deliver(channel, envelope(f"ann{number}@example.com"), Gate())
    assert [mail.rcpt_to for mail in server.accepted] == [f"ann{number}@example.com" for number in range(20)]
    assert server.connections == 1
    assert server.said("RSET") == []
    assert server.said("QUIT") == ["QUIT"]


async def test_it_reads_replies_that_come_byte_by_byte() -> None:
    with SmtpServer(byte_by_byte=True) as server:
        assert (await delivered(server)).kind is Kind.ACCEPTED


@pytest.mark.parametrize("code", [200, 250, 251, 252])
async def test_it_takes_every_2yz_for_a_yes(code: int) -> None:
    with SmtpServer(*(reply_at(stage, code, "Yes") for stage in ("mail", "rcpt", "body"))) as server:
        outcome = await delivered(server)
    assert (outcome.kind, outcome.reply_code) == (Kind.ACCEPTED, code)


@pytest.mark.parametrize(
    ("behaviour", "kind", "scope", "phase"),
    [
        (refuse_sender(550, "5.7.1 Not you"), Kind.REJECTED, Scope.MAILING, Phase.MAIL),
        (refuse_recipient(550, "5.1.1 No such user"), Kind.REJECTED, Scope.RECIPIENT, Phase.RCPT),
        (refuse_recipient(452, "4.2.2 Full"), Kind.DEFERRED, Scope.RECIPIENT, Phase.RCPT),
        (refuse_data(451, "4.3.0 Not now"), Kind.DEFERRED, Scope.RECIPIENT, Phase.DATA),
        (refuse_message(554, "5.7.1 Spam"), Kind.REJECTED, Scope.RECIPIENT, Phase.BODY),
        (refuse_message(451, "4.3.0 Not now"), Kind.DEFERRED, Scope.RECIPIENT, Phase.BODY),
    ],
)
async def test_it_goes_on_after_a_refusal(behaviour: Behaviour, kind: Kind, scope: Scope, phase: Phase) -> None:
    with SmtpServer(by_address={"ann@example.com": [behaviour], "first@example.com": [behaviour]}) as server:
        async with channel_to(server) as channel:
            sender = "first@example.com" if phase is Phase.MAIL else "news@example.com"
            refused = await deliver(channel, envelope(mail_from=sender), Gate())
            accepted = await deliver(channel, envelope("bob@example.com"), Gate())
    assert (refused.kind, refused.scope, refused.phase) == (kind, scope, phase)
    assert accepted.kind is Kind.ACCEPTED
    assert [mail.rcpt_to for mail in server.accepted] == ["bob@example.com"]
    assert len(server.said("RSET")) == (0 if phase is Phase.BODY else 1)
    assert server.connections == 1


async def test_it_sees_a_greylisted_mail_taken_the_second_time() -> None:
    with SmtpServer(greylist()) as server:
        async with channel_to(server) as channel:
            kinds = [(await deliver(channel, envelope(), Gate())).kind for _try in range(2)]
    assert kinds == [Kind.DEFERRED, Kind.ACCEPTED]


@pytest.mark.parametrize(
    "trouble",
    [silent_at("rset"), close_at("rset"), garbage_at("rset"), reply_421_at("rset"), reply_at("rset", 500, "What?")],
)
async def test_it_keeps_a_refusal_whatever_becomes_of_the_reset(trouble: Behaviour) -> None:
    with SmtpServer(refuse_recipient(550, "5.1.1 No such user", times=1), trouble) as server:
        async with channel_to(server, impatient("reset")) as channel:
            refused = await deliver(channel, envelope(), Gate())
            gate = Gate()
            next_one = await deliver(channel, envelope("bob@example.com"), gate)
            assert not channel.is_usable
    assert (refused.kind, refused.reply_code) == (Kind.REJECTED, 550)
    assert (next_one.kind, next_one.scope, next_one.phase) == (Kind.DEFERRED, Scope.CONNECTION, Phase.MAIL)
    assert gate.asked == 0


BREAKS: list[Callable[[Stage], Behaviour]] = [
    close_at,
    reset_at,
    garbage_at,
    half_reply_at,
    silent_at,
    lambda stage: garbage_at(stage, b"2_5 ok\r\n"),
    lambda stage: garbage_at(stage, b"250 " + b"x" * 10_000_000),
    lambda stage: garbage_at(stage, b"250-more\r\n" * 10_000),
]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("breaks", BREAKS)
async def test_it_blames_the_connection_before_the_dot_and_is_uncertain_after(
    breaks: Callable[[Stage], Behaviour], stage: Stage
) -> None:
    gate = Gate()
    with SmtpServer(breaks(stage)) as server:
        async with channel_to(server, impatient(stage)) as channel:
            outcome = await deliver(channel, envelope(), gate)
            assert not channel.is_usable
    expected = (Kind.UNCERTAIN, Scope.RECIPIENT) if stage == "body" else (Kind.DEFERRED, Scope.CONNECTION)
    assert (outcome.kind, outcome.scope) == expected
    assert (outcome.phase, outcome.reply_code) == (stage, None)
    assert outcome.server_response
    assert gate.asked == (1 if stage == "body" else 0)


@pytest.mark.parametrize("stage", STAGES)
async def test_it_charges_nobody_for_a_421(stage: Stage) -> None:
    with SmtpServer(reply_421_at(stage)) as server:
        async with channel_to(server) as channel:
            outcome = await deliver(channel, envelope(), Gate())
            assert not channel.is_usable
    assert (outcome.kind, outcome.scope) == (Kind.DEFERRED, Scope.CONNECTION)
    assert (outcome.phase, outcome.reply_code) == (stage, 421)


@pytest.mark.parametrize(
    "behaviour",
    [
        refuse_sender(503, "5.5.1 Out of order"),
        refuse_recipient(354, "Go ahead"),
        refuse_data(250, "Ok"),
        refuse_data(502, "5.5.1 Not implemented"),
        refuse_message(500, "5.5.2 What?"),
    ],
)
async def test_it_leaves_a_server_that_is_out_of_step(behaviour: Behaviour) -> None:
    with SmtpServer(behaviour) as server:
        async with channel_to(server) as channel:
            outcome = await deliver(channel, envelope(), Gate())
            assert not channel.is_usable
    assert (outcome.kind, outcome.scope) == (Kind.DEFERRED, Scope.CONNECTION)
    assert server.accepted == []


@pytest.mark.parametrize("accepts", [True, False])
@pytest.mark.parametrize("vanish", [drop_after_dot, silent_after_dot])
async def test_it_is_uncertain_whether_the_server_took_it_or_not(
    vanish: Callable[[bool], Behaviour], accepts: bool
) -> None:
    with SmtpServer(vanish(accepts)) as server:
        outcome = await delivered(server, timeouts=impatient("body"))
    assert (outcome.kind, outcome.is_charged) == (Kind.UNCERTAIN, True)
    assert len(server.accepted) == accepts


async def test_it_says_what_it_waited_for() -> None:
    with SmtpServer(silent_at("rcpt")) as server:
        outcome = await delivered(server, timeouts=impatient("rcpt", seconds=0.05))
    assert outcome.server_response == "No reply to RCPT TO within 0.05 seconds"


async def test_it_waits_for_a_slow_server() -> None:
    with SmtpServer(slow(0.02)) as server:
        assert (await delivered(server)).kind is Kind.ACCEPTED


async def test_it_does_not_begin_once_the_server_has_spoken_unasked() -> None:
    with SmtpServer(say_more_after("body", "421 4.3.2 Shutting down")) as server:
        async with channel_to(server) as channel:
            accepted = await deliver(channel, envelope(), Gate())
            assert not channel.is_usable
            gate = Gate()
            next_one = await deliver(channel, envelope("bob@example.com"), gate)
    assert accepted.kind is Kind.ACCEPTED
    assert (next_one.kind, next_one.scope, next_one.is_charged) == (Kind.DEFERRED, Scope.CONNECTION, False)
    assert "421 4.3.2 Shutting down" in next_one.server_response
    assert server.said("MAIL") == ["MAIL FROM:<news@example.com> SIZE=61"]
    assert gate.asked == 0


async def test_it_notices_between_mails_that_the_server_has_gone() -> None:
    with SmtpServer() as server:
        async with channel_to(server) as channel:
            await deliver(channel, envelope(), Gate())
            await server.hang_up()
            outcome = await deliver(channel, envelope("bob@example.com"), Gate())
            assert not channel.is_usable
    assert (outcome.kind, outcome.scope) == (Kind.DEFERRED, Scope.CONNECTION)


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
async def test_it_never_takes_an_unasked_reply_for_the_next_one(stage: Stage) -> None:
    gate = Gate()
    with SmtpServer(say_more_after(stage, "250 2.0.0 Taken")) as server:
        async with channel_to(server) as channel:
            outcome = await deliver(channel, envelope(content=LARGE), gate)
    assert outcome.kind is Kind.DEFERRED
    assert gate.asked == 0


async def test_it_withholds_a_mail_without_its_dot() -> None:
    gate = Gate(is_open=False)
    with SmtpServer() as server:
        async with channel_to(server) as channel:
            outcome = await deliver(channel, envelope(), gate)
            assert not channel.is_usable
    assert (outcome.kind, outcome.is_charged, outcome.phase) == (Kind.WITHHELD, False, Phase.DATA)
    assert gate.asked == 1
    assert server.accepted == []


async def test_it_lets_go_of_the_connection_when_the_hand_over_fails() -> None:
    async def hand_over() -> bool:
        raise RuntimeError("The journal is full")

    with SmtpServer() as server:
        async with channel_to(server) as channel:
            with pytest.raises(RuntimeError, match="journal is full"):
                await deliver(channel, envelope(), hand_over)
            await channel.quit()
            assert not channel.is_usable
    assert server.accepted == []
    assert server.said("QUIT") == []


@pytest.mark.parametrize("stage", STAGES)
async def test_it_closes_the_connection_when_cancelled(stage: Stage) -> None:
    with SmtpServer(silent_at(stage)) as server:
        async with channel_to(server) as channel:
            task = asyncio.create_task(deliver(channel, envelope(), Gate()))
            await server.reached(stage)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await channel.quit()
            assert not channel.is_usable
    assert server.said("QUIT") == []


async def test_it_asks_for_the_hand_over_before_the_last_chunk_of_a_large_mail() -> None:
    seen: list[int] = []
    with SmtpServer() as server:

        async def hand_over() -> bool:
            seen.append(len(server.accepted))
            return True

        async with channel_to(server) as channel:
            outcome = await deliver(channel, envelope(content=LARGE), hand_over)
    assert outcome.kind is Kind.ACCEPTED
    assert [mail.content for mail in server.accepted] == [LARGE]
    assert seen == [0]


@pytest.mark.parametrize(
    ("said", "words"),
    [(None, "The server closed the connection"), ("421 4.3.2 Shutting down", "4.3.2 Shutting down")],
)
async def test_what_happens_while_the_journal_is_written_keeps_the_mail_here(said: str | None, words: str) -> None:
    with SmtpServer() as server:

        async def hand_over() -> bool:
            await server.end_sessions(said)
            await until_closed(channel)
            return True

        async with channel_to(server) as channel:
            outcome = await deliver(channel, envelope(), hand_over)
    assert (outcome.kind, outcome.scope, outcome.phase) == (Kind.DEFERRED, Scope.CONNECTION, Phase.DATA)
    assert outcome.server_response == words
    assert server.accepted == []


async def until_closed(channel: SmtpChannel) -> None:
    async with asyncio.timeout(30):
        while channel.is_usable:  # noqa: ASYNC110 - the server's thread is the one that changes it
            await asyncio.sleep(0.005)


async def test_it_waits_while_the_server_takes_a_huge_mail() -> None:
    with SmtpServer(pause_reading_at("data", 0.02)) as server:
        assert (await delivered(server, envelope(content=HUGE))).kind is Kind.ACCEPTED
    assert [mail.content == HUGE for mail in server.accepted] == [True]


async def test_it_gives_up_when_the_server_stops_reading() -> None:
    gate = Gate()
    with SmtpServer(stop_reading_at("data")) as server:
        async with channel_to(server, impatient("chunk", seconds=0.05)) as channel:
            outcome = await deliver(channel, envelope(content=HUGE), gate)
    assert (outcome.kind, outcome.scope, outcome.phase) == (Kind.DEFERRED, Scope.CONNECTION, Phase.DATA)
    assert outcome.server_response == "The server took nothing of the mail for 0.05 seconds"
    assert gate.asked == 0


async def test_it_is_not_uncertain_when_cut_off_within_the_body() -> None:
    gate = Gate()
    with SmtpServer(close_within_body(after=100_000)) as server:
        async with channel_to(server) as channel:
            outcome = await deliver(channel, envelope(content=HUGE), gate)
    assert (outcome.kind, outcome.scope, outcome.phase) == (Kind.DEFERRED, Scope.CONNECTION, Phase.DATA)
    assert gate.asked == 0


@pytest.mark.parametrize(
    ("reply", "kind", "scope"),
    [
        ("552 5.3.4 Too big", Kind.REJECTED, Scope.MAILING),
        ("451 4.3.0 Not now", Kind.DEFERRED, Scope.RECIPIENT),
        ("421 4.3.2 Shutting down", Kind.DEFERRED, Scope.CONNECTION),
        ("250 2.0.0 Taken", Kind.DEFERRED, Scope.CONNECTION),
    ],
)
async def test_it_heeds_a_reply_that_comes_within_the_body(reply: str, kind: Kind, scope: Scope) -> None:
    gate = Gate()
    with SmtpServer(reply_within_body(reply, after=100_000)) as server:
        async with channel_to(server) as channel:
            outcome = await deliver(channel, envelope(content=HUGE), gate)
            assert not channel.is_usable
    assert (outcome.kind, outcome.scope, outcome.phase) == (kind, scope, Phase.DATA)
    assert gate.asked == 0


async def test_it_says_the_size_and_the_kind_of_body_where_that_is_offered() -> None:
    with SmtpServer(offers=["SIZE", "8BITMIME"]) as server:
        await delivered(server, envelope(content="Grüße\r\n".encode()))
    assert server.said("MAIL") == ["MAIL FROM:<news@example.com> SIZE=9 BODY=8BITMIME"]


async def test_it_asks_for_smtputf8_only_where_an_address_needs_it() -> None:
    with SmtpServer(offers=["SMTPUTF8"]) as server:
        async with channel_to(server) as channel:
            await deliver(channel, envelope(), Gate())
            outcome = await deliver(channel, envelope("jürgen@example.com"), Gate())
    assert server.said("MAIL") == ["MAIL FROM:<news@example.com>", "MAIL FROM:<news@example.com> SMTPUTF8"]
    assert outcome.kind is Kind.ACCEPTED
    assert server.accepted[1].rcpt_to == "jürgen@example.com"


async def test_it_refuses_an_address_that_needs_smtputf8_before_a_word_is_said() -> None:
    with SmtpServer() as server:
        async with channel_to(server) as channel:
            outcome = await deliver(channel, envelope("jürgen@example.com"), Gate())
            assert channel.is_usable
    assert (outcome.kind, outcome.scope, outcome.enhanced_code) == (Kind.REJECTED, Scope.RECIPIENT, "5.6.7")
    assert server.said("MAIL") == []


@pytest.mark.parametrize("bad", ["a\r\nRSET@example.com", "a@example.com> ORCPT=x", "a\x00@example.com", "\ud800@b.c"])
async def test_it_never_lets_an_address_speak(bad: str) -> None:
    with SmtpServer() as server:
        async with channel_to(server) as channel:
            recipient = await deliver(channel, envelope(bad), Gate())
            sender = await deliver(channel, envelope(mail_from=bad), Gate())
    assert (recipient.kind, recipient.scope) == (Kind.REJECTED, Scope.RECIPIENT)
    assert (sender.kind, sender.scope) == (Kind.REJECTED, Scope.MAILING)
    assert server.said("MAIL") == []


DOTTED = [
    b".\r\n",
    b"..\r\n.\r\n...\r\n",
    b"Subject: x\r\n\r\n.hidden\r\n.\r\nend\r\n",
    b"a" * 5000 + b"\r\n",
    b"\r\n",
    b".\r\n" * CHUNK,
    b"x" * (CHUNK - 3) + b"\r\n.\r\n",
]


@pytest.mark.parametrize("content", DOTTED)
async def test_it_brings_dots_across_unchanged(content: bytes) -> None:
    with SmtpServer() as server:
        assert (await delivered(server, envelope(content=content))).kind is Kind.ACCEPTED
    assert [mail.content for mail in server.accepted] == [content]


@given(st.lists(st.sampled_from([b".", b"\r\n", b"a", b"\r\n.\r\n"])).map(b"".join))
def test_it_doubles_dots_so_that_the_server_gets_the_same_bytes(content: bytes) -> None:
    wire = wire_format(content)
    assert wire.find(b"\r\n.\r\n") in (-1, len(wire) - 5)
    assert unstuffed(wire).removesuffix(b"\r\n") == content.removesuffix(b"\r\n")


@given(st.lists(st.sampled_from([b"\r", b"\n", b".", b"a"])).map(b"".join))
def test_it_leaves_no_bare_line_end_to_smuggle_with(content: bytes) -> None:
    wire = wire_format(content)
    assert wire.count(b"\r\n") == wire.count(b"\r") == wire.count(b"\n")
    assert wire.find(b"\r\n.\r\n") in (-1, len(wire) - 5)


async def test_it_takes_leave_once_and_is_of_no_more_use() -> None:
    with SmtpServer() as server:
        async with channel_to(server) as channel:
            await channel.quit()
            assert not channel.is_usable
            await channel.quit()
            outcome = await deliver(channel, envelope(), Gate())
    assert (outcome.kind, outcome.server_response) == (Kind.DEFERRED, "The connection was closed")
    assert server.said("QUIT") == ["QUIT"]


@pytest.mark.parametrize("behaviour", [silent_at("quit"), close_at("quit"), garbage_at("quit")])
async def test_it_leaves_a_server_that_does_not_say_goodbye(behaviour: Behaviour) -> None:
    with SmtpServer(behaviour) as server:
        async with channel_to(server, impatient("quit", seconds=0.05)) as channel:
            await channel.quit()
            assert not channel.is_usable
