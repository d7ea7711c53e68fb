"""Replies of real servers, and in a few words what they mean, like "rejected mailing spf_failed"."""

from __future__ import annotations

from mailer.delivery.outcome import Outcome, Phase, Reply, Scope, classify_reply

GONE = "gone"  # the address is, so that it should not be mailed again


def outcome_of(phase: str, reply: str) -> Outcome:
    """The outcome of "550-5.1.1 The first line\\n550 5.1.1 the last", as it came over the wire."""
    lines = reply.split("\n")
    return classify_reply(Phase(phase), Reply(int(lines[0][:3]), "\n".join(line[4:] for line in lines)))


def meaning_of(phase: str, reply: str) -> str:
    """Kind and scope, then what a person can do about it, or that the address is gone."""
    outcome = outcome_of(phase, reply)
    assert outcome.is_charged == (outcome.scope is Scope.RECIPIENT)
    return " ".join(filter(None, [outcome.kind, outcome.scope, outcome.advice, GONE if outcome.suppresses else ""]))
