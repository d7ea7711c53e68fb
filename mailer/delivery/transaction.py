"""One mail transaction after another on an open connection, knowing at every byte which phase it is in.

Command by command (RFC 5321 §3.3), without pipelining. The last chunk of the body, the one that holds the final dot, is
kept back until everything before it has been taken: only once it is written may the server have the mail.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mailer.delivery.compose import Envelope
from mailer.delivery.connection import HandOver, refused_for_an_address
from mailer.delivery.failpoints import reach
from mailer.delivery.outcome import (
    Outcome,
    Phase,
    Reply,
    classify_break,
    classify_reply,
    rejected_here,
    withheld,
)
from mailer.delivery.replies import BrokenStream, ReplyParser

CHUNK = 64 * 1024  # bytes
LINE_ENDS = re.compile(rb"\r\n|\r|\n")
AWAITED = {Phase.MAIL: "MAIL FROM", Phase.RCPT: "RCPT TO", Phase.DATA: "DATA", Phase.BODY: "the mail itself"}


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for each reply, and for the server to take a chunk of the body (RFC 5321 §4.5.3.2)."""

    mail: float = 300
    rcpt: float = 300
    data: float = 120
    chunk: float = 180
    body: float = 600
    reset: float = 60
    quit: float = 5


class SmtpChannel(asyncio.Protocol):
    """An SMTP session past its greeting and login, in charge of its transport from here on.

    `extensions` are what EHLO offered: keywords in lower case with their parameters.
    """

    def __init__(
        self, transport: asyncio.Transport, extensions: Mapping[str, str], timeouts: Timeouts | None = None
    ) -> None:
        self._transport = transport
        self._extensions = extensions
        self._timeouts = timeouts or Timeouts()
        self._parser = ReplyParser()
        self._phase = Phase.MAIL
        self._waiter: asyncio.Future[Reply | None] | None = None
        self._unasked: Reply | None = None
        self._trouble = ""
        self._needs_reset = False
        self._can_write = asyncio.Event()
        self._can_write.set()
        self._lost = asyncio.Event()
        transport.set_protocol(self)

    @property
    def is_usable(self) -> bool:
        """Whether another transaction may be tried on it."""
        return not self._trouble and not self._transport.is_closing()

    async def deliver(self, envelope: Envelope, hand_over: HandOver) -> Outcome:
        """Carry one mail to the server, as far as it goes. Whatever the network or the server does is an outcome.

        `hand_over` is called once, right before the server could have the whole mail; on False, or when it raises,
        the connection is dropped without the final dot. Cancelled, it closes the connection too.
        """
        if (refused := _refused_here(envelope, self._extensions)) is not None:
            return refused
        try:
            return await self._transact(envelope, hand_over)
        except BaseException:
            self._break("The transaction was interrupted")
            raise

    async def quit(self) -> None:
        """Say goodbye if the connection stands, and close it. Never raises for the network's sake."""
        if self.is_usable:
            await self._command(b"QUIT", self._timeouts.quit, "QUIT")
            self._trouble = "The connection was closed"
            self._transport.close()
        try:
            async with asyncio.timeout(self._timeouts.quit):
                await self._lost.wait()
        except TimeoutError:
            self._transport.abort()

    async def _transact(self, envelope: Envelope, hand_over: HandOver) -> Outcome:
        self._phase = Phase.MAIL
        if not await self._is_in_step():
            return self._broken()
        for phase, command, go_ahead, seconds in self._commands(envelope):
            self._phase = phase
            reply = await self._command(command, seconds, AWAITED[phase])
            if reply is None:
                return self._broken()
            if not str(reply.code).startswith(go_ahead):
                return self._ended_by(reply)
        return await self._send_body(envelope, hand_over)

    def _commands(self, envelope: Envelope) -> Iterator[tuple[Phase, bytes, str, float]]:
        """Up to the body: phase, command, how the code that lets us go on begins, and the time it may take."""
        parameters = _mail_parameters(envelope, self._extensions)
        mail = f"MAIL FROM:<{envelope.mail_from}>{parameters}"
        yield Phase.MAIL, mail.encode(), "2", self._timeouts.mail
        yield Phase.RCPT, f"RCPT TO:<{envelope.rcpt_to}>".encode(), "2", self._timeouts.rcpt
        yield Phase.DATA, b"DATA", "354", self._timeouts.data

    async def _is_in_step(self) -> bool:
        """Whether a new transaction can begin: after a refusal, only once the server has forgotten the one before."""
        if self._needs_reset and self.is_usable:
            reply = await self._command(b"RSET", self._timeouts.reset, "RSET")
            if reply is not None and reply.code // 100 != 2:
                self._break(f"The server would not begin anew: {reply.code} {reply.text}")
        self._needs_reset = False
        return self.is_usable

    async def _send_body(self, envelope: Envelope, hand_over: HandOver) -> Outcome:
        *chunks, last = _chunks(wire_format(envelope.content))
        for chunk in chunks:
            if self.is_usable:
                self._transport.write(chunk)
                await self._drain()
        if self.is_usable and not await hand_over():
            self._break("The mail was withheld")
            return withheld(self._phase)
        if self._unasked is not None:
            return self._ended_by(self._unasked)
        if not self.is_usable:
            return self._broken()
        self._phase = Phase.BODY
        reply = await self._exchange(last, self._timeouts.body, AWAITED[Phase.BODY])
        return self._broken() if reply is None else self._ended_by(reply)

    def _ended_by(self, reply: Reply) -> Outcome:
        outcome = classify_reply(self._phase, reply)
        if _leaves_out_of_step(self._phase, reply):
            self._break(f"The server said: {reply.code} {reply.text}")
        self._needs_reset = self._phase is not Phase.BODY
        return outcome

    def _broken(self) -> Outcome:
        return classify_break(self._phase, self._trouble or "The connection was lost")

    async def _command(self, command: bytes, seconds: float, awaited: str) -> Reply | None:
        return await self._exchange(command + b"\r\n", seconds, awaited)

    async def _exchange(self, data: bytes, seconds: float, awaited: str) -> Reply | None:
        """Write, and return the reply, or None once the connection is broken."""
        if not self.is_usable:
            return None
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_later(seconds, self._break, f"No reply to {awaited} within {seconds:g} seconds")
        try:
            self._transport.write(data)
            if awaited == AWAITED[Phase.BODY]:
                reach("dot.written")
            return await self._waiter
        finally:
            timer.cancel()
            self._waiter = None

    async def _drain(self) -> None:
        """Wait until the server takes more, or until the connection is broken, which it is when nothing moves."""
        seconds = self._timeouts.chunk
        trouble = f"The server took nothing of the mail for {seconds:g} seconds"
        timer = asyncio.get_running_loop().call_later(seconds, self._break, trouble)
        try:
            await asyncio.sleep(0)  # a server that takes all at once must not keep the loop from others
            await self._can_write.wait()
        finally:
            timer.cancel()

    def _break(self, trouble: str) -> None:
        """No more on this connection. The first trouble is the one that is told."""
        self._trouble = self._trouble or trouble
        self._transport.abort()
        self._can_write.set()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def data_received(self, data: bytes) -> None:
        try:
            for reply in self._parser.feed(data):
                self._take(reply)
        except BrokenStream as error:
            self._break(f"The server can't be understood: {error}")

    def _take(self, reply: Reply) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(reply)
        elif not self._trouble:
            self._unasked = reply
            self._break(f"The server said, unasked: {reply.code} {reply.text}")

    def eof_received(self) -> None:
        self._break("The server closed the connection")

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost.set()
        self._break(f"The connection was lost: {exc}" if exc else "The connection was lost")

    def pause_writing(self) -> None:
        self._can_write.clear()

    def resume_writing(self) -> None:
        self._can_write.set()


def wire_format(content: bytes) -> bytes:
    """The mail as it follows DATA: CRLF lines, dots doubled at their start, the final dot (RFC 5321 §4.5.2).

    A bare CR or LF becomes a line end here, since it could pass for one elsewhere and smuggle in a second mail.
    """
    if not content.count(b"\r\n") == content.count(b"\n") == content.count(b"\r"):
        content = LINE_ENDS.sub(b"\r\n", content)
    if not content.endswith(b"\r\n"):
        content += b"\r\n"
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    return (b"." if stuffed.startswith(b".") else b"") + stuffed + b".\r\n"


def _chunks(data: bytes) -> Iterator[bytes]:
    """The data in pieces of which the last holds the whole end: CRLF, dot, CRLF."""
    start = 0
    while len(data) - start > CHUNK + len(b"\r\n.\r\n"):
        yield data[start : start + CHUNK]
        start += CHUNK
    yield data[start:]


def _refused_here(envelope: Envelope, extensions: Mapping[str, str]) -> Outcome | None:
    if (refused := refused_for_an_address(envelope)) is not None:
        return refused
    if _needs_utf8(envelope) and "smtputf8" not in extensions:
        return rejected_here(
            "The mail server does not take addresses with other than ASCII letters (SMTPUTF8).", "5.6.7"
        )
    return None


def _mail_parameters(envelope: Envelope, extensions: Mapping[str, str]) -> str:
    """What follows the sender's address: RFC 1870, RFC 6152, RFC 6531 §3.4."""
    size = f" SIZE={len(envelope.content)}" if "size" in extensions else ""
    body = " BODY=8BITMIME" if "8bitmime" in extensions and not envelope.content.isascii() else ""
    utf8 = " SMTPUTF8" if _needs_utf8(envelope) else ""
    return size + body + utf8


def _needs_utf8(envelope: Envelope) -> bool:
    return not (envelope.mail_from.isascii() and envelope.rcpt_to.isascii())


def _leaves_out_of_step(phase: Phase, reply: Reply) -> bool:
    """Whether the server, after this reply, may not be where we believe it to be."""
    in_step = "2..|[45].." if phase is Phase.BODY else "[45].."
    return re.fullmatch(in_step, str(reply.code)) is None or reply.code in (421, 500, 501, 502, 503, 504, 555)
