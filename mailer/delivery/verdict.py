"""What became of a claim, and what follows from it for its delivery."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from mailer.delivery.claim import Claim
from mailer.delivery.outcome import Kind, Outcome
from mailer.models import Attempt, Delivery

State = Delivery.State


class Result(NamedTuple):
    """One claim's outcome, with the times of its transaction: microseconds since 1970, by this machine's clock."""

    claim: Claim
    outcome: Outcome
    started_at: int
    finished_at: int


@dataclass(frozen=True, slots=True)
class Change:
    """How a delivery moves on. `next_attempt_at` None leaves the time as it is."""

    state: str
    charged: bool
    next_attempt_at: datetime | None = None
    state_reason: str = ""  # why it is skipped

    @property
    def forgives(self) -> bool:
        """Whether broken connections are forgotten: the server has spoken."""
        return self.charged and self.state == State.DEFERRED


Verdict = tuple[Result, Change]

SENT = Change(State.SENT, True)

ATTEMPT_STATUS = {
    Kind.ACCEPTED: Attempt.Status.SUCCESS,
    Kind.DEFERRED: Attempt.Status.FAILURE,
    Kind.REJECTED: Attempt.Status.FAILURE,
    Kind.UNCERTAIN: Attempt.Status.UNCERTAIN,
}
