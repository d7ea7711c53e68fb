"""Claims and what became of them, for tests of the ledger."""

from __future__ import annotations

from core.clock import db_now, microseconds_of
from mailer.delivery.claim import Claim, claim_deliveries
from mailer.delivery.frontier import Frontier
from mailer.delivery.lease import register_worker
from mailer.delivery.outcome import Outcome, Phase, Reply, classify_break, classify_reply, withheld
from mailer.delivery.verdict import Result

ACCEPTED = classify_reply(Phase.BODY, Reply(250, "2.0.0 Ok: queued"))
REJECTED = classify_reply(Phase.RCPT, Reply(550, "5.1.1 No such user"))
REFUSED = classify_reply(Phase.RCPT, Reply(550, "Not today"))  # which does not say that the address is gone
DEFERRED = classify_reply(Phase.RCPT, Reply(450, "4.7.1 Greylisted"))
UNCERTAIN = classify_break(Phase.BODY, "The connection was lost")
LOST = classify_break(Phase.RCPT, "The connection was lost")
SENDER_REFUSED = classify_reply(Phase.MAIL, Reply(550, "5.7.1 Sender refused"))
WITHHELD = withheld(Phase.CONNECT)


def a_worker() -> int:
    return register_worker("this-host", "this-boot")


def taken_by(worker: int, most: int, only_mailing: int | None = None, frontier: Frontier | None = None) -> list[Claim]:
    """What a claim takes, in its order."""
    return claim_deliveries(worker, 0, most, only_mailing, frontier)[0]


def claimed(worker: int, most: int = 250) -> list[Claim]:
    return sorted(taken_by(worker, most), key=lambda claim: claim.delivery_id)


def result(claim: Claim, outcome: Outcome) -> Result:
    return Result(claim, outcome, *[microseconds_of(db_now())] * 2)
