"""What must be true of a mailing at every moment, checked from the database alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Set
from itertools import pairwise

from mailer.delivery.transitions import TRANSITIONS
from mailer.models import Attempt, AuditEntry, Decision, Delivery, Mailing
from tests.support.mailings import counted, really_counted

State = Delivery.State


def check_mailing(mailing: Mailing, launched_to: Set[str], in_hand: Set[int]) -> None:
    """`launched_to` are the addresses that it was launched to, `in_hand` the deliveries that workers hold."""
    mailing.refresh_from_db()
    deliveries = list(Delivery.objects.filter(mailing=mailing))
    check_status(mailing, deliveries)
    assert counted(mailing) == really_counted(mailing)
    emails = Counter(delivery.email for delivery in deliveries)
    assert max(emails.values(), default=1) == 1
    assert emails.keys() <= launched_to
    if mailing.materialised_at:
        assert emails.keys() == launched_to
    assert {delivery.pk for delivery in deliveries if delivery.state == State.SENDING} == in_hand
    attempts, decisions = defaultdict(list), defaultdict(list)
    for attempt in Attempt.objects.filter(mailing=mailing).order_by("number"):
        attempts[attempt.delivery_id].append(attempt)
    for decision in Decision.objects.filter(mailing=mailing):
        decisions[decision.delivery_id].append(decision)
    for delivery in deliveries:
        check_delivery(delivery, attempts[delivery.pk], decisions[delivery.pk])


def check_status(mailing: Mailing, deliveries: list[Delivery]) -> None:
    """Every change of status was a transition of the table; who is over has nothing waiting."""
    changes = list(AuditEntry.objects.filter(mailing=mailing, action__in=TRANSITIONS).order_by("pk"))
    for change in changes:
        transition = TRANSITIONS[change.action]
        assert change.before in transition.sources
        assert change.after == transition.target
    assert all(one.after == next_one.before for one, next_one in pairwise(changes))
    assert mailing.status == (changes[-1].after if changes else "draft")
    assert sum(change.action == "start" for change in changes) == mailing.is_launched
    states = {delivery.state for delivery in deliveries}
    if mailing.status == "cancelled":
        assert not states & {*Delivery.WAITING}
    if mailing.status == "completed":
        assert not states & {*Delivery.OPEN}


def check_delivery(delivery: Delivery, attempts: list[Attempt], decisions: list[Decision]) -> None:
    """Its state follows from its attempts and from what people decided, and no copy was made twice in silence."""
    choices = Counter(decision.choice for decision in decisions)
    statuses = [attempt.status for attempt in attempts]
    assert [attempt.number for attempt in attempts] == list(range(1, delivery.attempt_count + 1))
    if delivery.state == State.SENT:
        assert "success" in statuses or choices["treat_as_sent"]
    if "success" in statuses:
        assert delivery.state in (State.SENT, State.SENDING)
    if delivery.state == State.UNCERTAIN:
        assert "uncertain" in statuses
    if delivery.state == State.FAILED:
        assert statuses[-1] == "failure"
    if delivery.state in (State.EXPIRED, State.CANCELLED, State.SKIPPED):
        assert "uncertain" not in statuses
    assert bool(delivery.state_reason) == (delivery.state == State.SKIPPED)
    may_have_arrived = sum(status != "failure" for status in statuses)
    assert may_have_arrived <= 1 + choices["resend"]
    assert all(decision.attempt_number <= delivery.attempt_count and decision.actor_id for decision in decisions)
