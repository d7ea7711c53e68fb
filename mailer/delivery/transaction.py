"""One mail's conversation with the server, knowing at every byte which phase it is in.

In a group (RFC 2920) all commands go out in one write, and their replies are matched to them in order; otherwise each
waits for the reply to the one before (RFC 5321 §3.3). The last chunk of the mail, the one that holds the final dot, is
kept back until everything before it has been taken: only once it is written may the server have the mail.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from mailer.delivery.failpoints import reach
from mailer.delivery.outcome import Outcome, Phase, Reply, classify_break, classify_reply, withheld
from mailer.delivery.steps import GO_AHEAD, GOING, GOOD, REFUSED, Step, Steps, can_end, leaves_out_of_step
from mailer.delivery.wire import CHUNK, chunks, wire_format


class Line(Protocol):
    """What a transaction needs of its connection."""

    @property
    def is_usable(self) -> bool: ...

    def news(self) -> asyncio.Future[None]:
        """What a transaction waits on."""

    def say(self, mail: SmtpTransaction, data: bytes) -> None:
        """Write what one reply is owed to."""

    def end(self, mail: SmtpTransaction, data: bytes) -> None:
        """Write the end of a mail, and what rides behind it."""

    async def upload(self, data: bytes) -> None:
        """Write a piece of a mail, and wait until the server has taken it or the connection is broken."""

    def is_settled(self, mail: SmtpTransaction, needs_reset: bool) -> None:
        """It has its outcome; `needs_reset` where the server must be told to forget it."""

    def distrust(self, trouble: str) -> None:
        """A reply can't have been meant for whom it was given to, so others may not have been either."""

    def hang_up(self, trouble: str) -> None: ...


class SmtpTransaction:
    """Made and fed with replies by a connection, followed by a sender: see `Transaction`."""

    def __init__(self, line: Line, steps: Steps, commands: tuple[bytes, bytes], content: bytes, in_group: bool) -> None:
        mail, rcpt = commands
        self._line = line
        self._steps = steps
        self._script = [(steps.mail, mail), (steps.rcpt, rcpt), (steps.data, b"DATA\r\n")]
        self._replied = 0  # of the script
        self._content = content
        self._last_chunk = b""
        self._in_group = in_group
        self._has_begun = False
        self._is_invited = False
        self._phase = Phase.MAIL
        self._refusal: Outcome | None = None  # of one command of a group, while others are still owed a reply
        self._outcome: Outcome | None = None
        self._waiter: asyncio.Future[None] | None = None

    # For the sender.

    async def is_awaited(self) -> bool:
        while not (self._is_invited or self.is_over):
            await self._news()
        if self._is_invited:
            self._last_chunk = await self._uploaded(wire_format(self._content))
        return not self.is_over

    async def _uploaded(self, data: bytes) -> bytes:
        """Give the server all of it but the last chunk, which is returned."""
        if len(data) <= CHUNK:
            return data
        *pieces, last = chunks(data)
        for piece in pieces:
            if not self.is_over:
                await self._line.upload(piece)
        return last

    def hand_over(self) -> None:
        if not self.is_over and self._line.is_usable:
            self._phase = Phase.BODY
            self._script.append((self._steps.body, b""))
            self._line.end(self, self._last_chunk)
            reach("dot.written")

    def withhold(self) -> None:
        if not self.is_over:
            self._settle(withheld(self._phase))
            self._line.hang_up("The mail was withheld")

    async def outcome(self) -> Outcome:
        while self._outcome is None:
            await self._news()
        return self._outcome

    # For the connection.

    @property
    def is_over(self) -> bool:
        return self._outcome is not None

    @property
    def is_handed_over(self) -> bool:
        return self._phase is Phase.BODY

    @property
    def awaited(self) -> Step:
        """To what the next reply is owed."""
        return self._script[self._replied][0]

    def opening(self, with_reset: bool) -> tuple[bytes, int]:
        """What it begins with, and how many replies that is owed."""
        self._has_begun = True
        if with_reset:
            self._script.insert(0, (self._steps.reset, b"RSET\r\n"))
        if self._in_group:
            return b"".join([command for _step, command in self._script]), len(self._script)
        return self._script[0][1], 1

    def take(self, reply: Reply) -> None:
        """The reply to what is awaited."""
        step, _command = self._script[self._replied]
        self._replied += 1
        if self._refusal is not None:
            self._wind_up(self._refusal, step, reply)
        elif reply.code in step.go_ahead:
            self._go_on(step)
        elif step is self._steps.reset:
            self._line.hang_up(f"The server would not begin anew: {reply.code} {reply.text}")
        else:
            self._end_by(step, reply)

    def heed_unasked(self, reply: Reply) -> None:
        """A word of the server while it is given the mail: it wants no more of it. One before that may be another's."""
        if self._is_invited or reply.code == GOING:
            self._settle(classify_reply(self._phase, reply))

    def doubt(self, trouble: str) -> None:
        """The reply that settled it may have been meant for another."""
        self._outcome = classify_break(self._phase, trouble)

    def break_off(self, trouble: str) -> None:
        """There will be no more replies."""
        if not self._has_begun:
            self._settle(withheld(self._phase))
        else:
            self._settle(self._refusal or classify_break(self._phase, trouble))

    def _go_on(self, step: Step) -> None:
        if step is self._steps.data:
            self._is_invited = True
            self._wake()
        else:
            awaited, command = self._script[self._replied]
            self._phase = awaited.phase
            if not self._in_group:
                self._line.say(self, command)

    def _end_by(self, step: Step, reply: Reply) -> None:
        outcome = classify_reply(step.phase, reply)
        if leaves_out_of_step(step.phase, reply):
            if not can_end(step.phase, reply):
                self._line.distrust(_said(reply))
            self._settle(outcome)
            self._line.hang_up(_said(reply))
        elif self._in_group and step in (self._steps.mail, self._steps.rcpt):
            self._refusal = outcome
        else:
            self._settle(outcome)

    def _wind_up(self, refusal: Outcome, step: Step, reply: Reply) -> None:
        """The rest of a group after a refusal, which stays the outcome, unless that cannot have been its reply.

        DATA that was let through all the same must be followed by a single dot (RFC 2920 §3.1), where the server has
        refused the one recipient; else that might send an empty mail.
        """
        if step is self._steps.data and reply.code in GO_AHEAD and refusal.phase is Phase.RCPT:
            self._script.append((self._steps.nothing, b".\r\n"))
            self._line.say(self, b".\r\n")
        elif reply.code in GOOD and step is not self._steps.nothing:
            self._line.distrust(_said(reply))
            self._settle(classify_break(refusal.phase, _said(reply)))
            self._line.hang_up(_said(reply))
        elif reply.code not in REFUSED or reply.code == GOING:
            self._settle(refusal)
            self._line.hang_up(_said(reply))
        elif step in (self._steps.data, self._steps.nothing):
            self._settle(refusal)

    def _settle(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self._line.is_settled(self, needs_reset=self._phase is not Phase.BODY)
        self._wake()

    def _news(self) -> asyncio.Future[None]:
        self._waiter = self._line.news()
        return self._waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _said(reply: Reply) -> str:
    return f"The server said: {reply.code} {reply.text}"
