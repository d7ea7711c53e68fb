"""What is said in a mail transaction, which reply lets it go on, and how long that reply may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from mailer.delivery.outcome import Phase, Reply

GOOD = range(200, 300)
GO_AHEAD = range(354, 355)
REFUSED = range(400, 600)
NONE = range(0)  # whatever it is, it ends the transaction
GOING = 421  # the server closes the connection; it may say so at any time (RFC 5321 §3.8)


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

    @property
    def shortest(self) -> float:
        return min(self.mail, self.rcpt, self.data, self.body, self.reset)


class Step(NamedTuple):
    """Something said that is owed a reply: its phase, its name to a person, the codes to go on with, and seconds."""

    phase: Phase
    name: str
    go_ahead: range
    seconds: float


class Steps:
    """All that a transaction can consist of, with these time-outs."""

    def __init__(self, timeouts: Timeouts) -> None:
        self.reset = Step(Phase.MAIL, "RSET", GOOD, timeouts.reset)
        self.mail = Step(Phase.MAIL, "MAIL FROM", GOOD, timeouts.mail)
        self.rcpt = Step(Phase.RCPT, "RCPT TO", GOOD, timeouts.rcpt)
        self.data = Step(Phase.DATA, "DATA", GO_AHEAD, timeouts.data)
        self.body = Step(Phase.BODY, "the mail itself", NONE, timeouts.body)
        self.nothing = Step(Phase.DATA, "a mail to nobody", NONE, timeouts.body)


def can_end(phase: Phase, reply: Reply) -> bool:
    """Whether this reply can be one that ends a transaction there. One that can't may have been meant for another."""
    return reply.code in REFUSED or (phase is Phase.BODY and reply.code in GOOD)


def leaves_out_of_step(phase: Phase, reply: Reply) -> bool:
    """Whether the server, after this reply that ends a transaction, may not be where we believe it to be."""
    return not can_end(phase, reply) or reply.code in (GOING, 500, 501, 502, 503, 504, 555)
