"""An SMTP session past its greeting and login: every reply goes to the mail that it is owed to.

Any doubt about the stream of replies ends the connection: garbage, a word that nobody asked for, a time-out.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping

from mailer.delivery.compose import Envelope
from mailer.delivery.connection import SettledTransaction, Transaction
from mailer.delivery.outcome import Reply
from mailer.delivery.patience import Patience
from mailer.delivery.replies import BrokenStream, ReplyParser
from mailer.delivery.steps import GOING, GOOD, Steps, Timeouts
from mailer.delivery.transaction import SmtpTransaction
from mailer.delivery.wire import mail_command, rcpt_command, refused_here


class SmtpChannel(asyncio.Protocol):
    """A Connection in charge of its transport from here on.

    `extensions` are what EHLO offered: keywords in lower case with their parameters.
    """

    def __init__(
        self, transport: asyncio.Transport, extensions: Mapping[str, str], timeouts: Timeouts | None = None
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.news = self._loop.create_future  # to ask for the loop each time costs as much again
        self._transport = transport
        self._extensions = extensions
        self.takes_riders = "pipelining" in extensions
        self._timeouts = timeouts or Timeouts()
        self._steps = Steps(self._timeouts)
        self._parser = ReplyParser()
        self._under_way: list[SmtpTransaction] = []  # two at most: one handed over, and the one that rides behind it
        self._kept_back: SmtpTransaction | None = None  # until the end of the one before goes out
        self._owed: deque[SmtpTransaction] = deque()  # to whom the next replies belong
        self._just_read: list[int] = []  # the codes in what was read last
        self._just_settled: list[SmtpTransaction] = []  # since then: nobody has acted on what that said of them
        self._needs_reset = False
        self._trouble = ""
        self._patience = Patience(self._timeouts.shortest, self._give_up)
        self._can_write = asyncio.Event()
        self._can_write.set()
        self._lost = asyncio.Event()
        transport.set_write_buffer_limits(high=1)  # uvloop writes at once then, not at the end of its turn
        transport.set_protocol(self)

    # For the sender.

    @property
    def is_usable(self) -> bool:
        return not self._trouble and not self._transport.is_closing()

    def begin(self, envelope: Envelope) -> Transaction:
        """Begin with the mail; where one before it is not handed over yet, right behind that one's end."""
        if (refused := refused_here(envelope, self._extensions)) is not None:
            return SettledTransaction(refused)
        commands = (mail_command(envelope, self._extensions), rcpt_command(envelope))
        mail = SmtpTransaction(self, self._steps, commands, envelope.content, self.takes_riders)
        self._under_way.append(mail)
        if len(self._under_way) > 1 and not self._under_way[0].is_handed_over:
            self._kept_back = mail
        else:
            self._write(b"", mail)
        return mail

    async def quit(self) -> None:
        if self._under_way:
            self.hang_up("The transaction was interrupted")
        elif self.is_usable:
            self._trouble = "The connection was closed"
            self._transport.write(b"QUIT\r\n")
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._timeouts.quit):
                    await self._lost.wait()
        finally:
            if not self._lost.is_set():
                self._transport.abort()

    # For its mails: see `Line`.

    def say(self, mail: SmtpTransaction, data: bytes) -> None:
        self._await_replies(mail, 1)
        self._transport.write(data)

    def end(self, mail: SmtpTransaction, data: bytes) -> None:
        self._await_replies(mail, 1)
        following, self._kept_back = self._kept_back, None
        if following is None:
            self._transport.write(data)
        else:
            self._write(data, following)

    async def upload(self, data: bytes) -> None:
        """Nothing may stand still: a server that takes none of it for a time is left."""
        self._transport.write(data)
        seconds = self._timeouts.chunk
        trouble = f"The server took nothing of the mail for {seconds:g} seconds"
        timer = self._loop.call_later(seconds, self.hang_up, trouble)
        try:
            await asyncio.sleep(0)  # a server that takes all at once must not keep the loop from others
            await self._can_write.wait()
        finally:
            timer.cancel()

    def is_settled(self, mail: SmtpTransaction, needs_reset: bool) -> None:
        self._under_way.remove(mail)
        self._just_settled.append(mail)
        self._needs_reset = needs_reset

    def distrust(self, trouble: str) -> None:
        """One reply too many or too few: what was just read may not have been meant for whom it was given to.

        Where all of it was a yes, it does not matter which was whose.
        """
        if not all(code in GOOD for code in self._just_read):
            for mail in self._just_settled:
                mail.doubt(trouble)

    def hang_up(self, trouble: str) -> None:
        """No more on this connection. The first trouble is the one that is told."""
        self._trouble = self._trouble or trouble
        if not self._transport.is_closing():  # in the middle of TLS's own goodbye it would break that off
            self._transport.abort()
        self._can_write.set()
        self._owed.clear()
        for mail in self._under_way.copy():
            mail.break_off(self._trouble)
        self._patience.end()

    def _write(self, before: bytes, mail: SmtpTransaction) -> None:
        """Begin with the mail, right behind what is to go before it."""
        opening, replies = mail.opening(self._needs_reset)
        if not self.is_usable:
            mail.break_off(self._trouble or "The connection was lost")
            return
        self._needs_reset = False
        self._await_replies(mail, replies)
        self._transport.write(before + opening)

    def _await_replies(self, mail: SmtpTransaction, n: int) -> None:
        """So many more are owed. The time for one runs once that before it has come."""
        if not self._owed:
            self._patience.renew(mail.awaited.seconds)
        self._owed.extend([mail] * n)

    def _give_up(self) -> None:
        awaited = self._owed[0].awaited
        self.hang_up(f"No reply to {awaited.name} within {awaited.seconds:g} seconds")

    # The transport's.

    def data_received(self, data: bytes) -> None:
        self._just_read = codes = []
        self._just_settled.clear()
        owed = len(self._owed)  # what is said from here on can't be answered by what has been read
        try:
            for reply in self._parser.feed(data):
                codes.append(reply.code)
                if len(codes) <= owed and self._owed:
                    self._owed.popleft().take(reply)
                else:
                    self._take_unasked(reply)
        except BrokenStream as error:
            self.hang_up(f"The server can't be understood: {error}")
        if codes and self._owed:
            self._patience.renew(self._owed[0].awaited.seconds)
        elif not self._owed:
            self._patience.rest()

    def _take_unasked(self, reply: Reply) -> None:
        if self._trouble:  # the answer to our QUIT, or what was on its way when we hung up
            self._loop.call_soon(self._close)  # TLS can't be ended while its data are being read
            return
        trouble = f"The server said, unasked: {reply.code} {reply.text}"
        if reply.code != GOING:
            self.distrust(trouble)
        if self._under_way:
            self._under_way[0].heed_unasked(reply)
        self.hang_up(trouble)

    def _close(self) -> None:
        if not self._transport.is_closing():  # Python 3.11's TLS can't be closed twice and then aborted
            self._transport.close()

    def eof_received(self) -> None:
        self.hang_up("The server closed the connection")

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost.set()
        self.hang_up(f"The connection was lost: {exc}" if exc else "The connection was lost")

    def pause_writing(self) -> None:
        self._can_write.clear()

    def resume_writing(self) -> None:
        self._can_write.set()
