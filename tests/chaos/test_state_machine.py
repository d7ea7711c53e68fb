"""Every command in any order, with the work and the clock in between: legal states only, and the books are right."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from core.clock import db_now, shifted
from core.models import User
from mailer.delivery.claim import Claim, claim_deliveries
from mailer.delivery.ledger import record
from mailer.delivery.outcome import Outcome
from mailer.delivery.schedule import PERSONS_ACTIONS, TRANSITIONS, TransitionRefused, change_status, run_schedule
from mailer.models import Delivery, Mailing, MailingContent, Recipient
from tests.chaos.support.people import delete_recipient
from tests.chaos.support.report import Report
from tests.chaos.support.sizes import IS_FULL, SEED
from tests.support.mailings import counted, make_mailing, make_recipients, really_counted
from tests.support.results import ACCEPTED, DEFERRED, LOST, REJECTED, UNCERTAIN, WITHHELD, a_worker, result

Status = Mailing.Status
NUMBERS = count()


@seed(SEED)
class Mailer(RuleBasedStateMachine):
    """One mailing, the people who steer it, a worker and the clock. Every example has an owner of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ExitStack()
        self.owner = User.objects.create_user(f"owner{next(NUMBERS)}@example.com", sending_allowed_at=db_now())
        self.worker = a_worker()
        self.claims: list[Claim] = []
        self.launched_to: set[str] = set()
        self.has_ended = False

    @initialize(people=st.integers(1, 6))
    def draft(self, people: int) -> None:
        make_recipients(self.owner, *(f"p{n}@example.com" for n in range(people)))
        self.mailing = make_mailing(self.owner)
        self.status: str = Status.DRAFT

    @rule(action=st.sampled_from(PERSONS_ACTIONS))
    def press(self, action: str) -> None:
        transition = TRANSITIONS[action]
        possible = self.status in transition.sources
        before = set(Recipient.objects.filter(owner=self.owner).values_list("email", flat=True))
        try:
            change_status(self.mailing.pk, action, self.owner)
        except TransitionRefused:
            assert not possible or self.has_ended or not before
        else:
            assert possible
            self.status = transition.target
            if action == "start":
                self.launched_to = before

    @rule()
    def edit_the_message(self) -> None:
        self.mailing.message.subject += "!"
        self.mailing.message.save()

    @rule()
    def delete_somebody(self) -> None:
        if (recipient := Recipient.objects.filter(owner=self.owner).order_by("pk").last()) is not None:
            delete_recipient(recipient)

    @rule(most=st.integers(1, 3))
    def claim(self, most: int) -> None:
        claims = claim_deliveries(self.worker, most, self.mailing.pk)
        assert not claims or (self.status == Status.SENDING and not self.has_ended)
        self.claims += claims

    @precondition(lambda self: self.claims)
    @rule(outcome=st.sampled_from([ACCEPTED, DEFERRED, LOST, REJECTED, UNCERTAIN, WITHHELD]))
    def record(self, outcome: Outcome) -> None:
        claims, self.claims = self.claims, []
        for _twice in range(2):
            record(self.worker, [result(claim, outcome) for claim in claims])

    @rule()
    def let_time_pass(self) -> None:
        Delivery.objects.filter(mailing=self.mailing, state__in=Delivery.WAITING).update(next_attempt_at=db_now())

    @precondition(lambda self: not self.has_ended)
    @rule()
    def end_the_window(self) -> None:
        self.clock.enter_context(shifted(timedelta(hours=2)))
        self.has_ended = True

    @rule()
    def tick(self) -> None:
        people = set(Recipient.objects.filter(owner=self.owner).values_list("email", flat=True))
        run_schedule(self.mailing.pk)
        found = Mailing.objects.get(pk=self.mailing.pk)
        if self.status == Status.SCHEDULED and found.status != Status.SCHEDULED:
            self.status, self.launched_to = Status.SENDING, people
        if self.status in TRANSITIONS["complete"].sources and found.status == Status.COMPLETED:
            self.status = Status.COMPLETED

    @invariant()
    def its_status_is_the_one_that_was_set(self) -> None:
        assert Mailing.objects.get(pk=self.mailing.pk).status == self.status

    @invariant()
    def everybody_it_was_launched_to_has_one_delivery(self) -> None:
        deliveries = Delivery.objects.filter(mailing=self.mailing)
        assert sorted(deliveries.values_list("email", flat=True)) == sorted(self.launched_to)

    @invariant()
    def the_counters_are_right(self) -> None:
        assert counted(self.mailing) == really_counted(self.mailing)

    @invariant()
    def only_the_wire_is_open_once_it_is_closed(self) -> None:
        if self.status in (Status.COMPLETED, Status.CANCELLED):
            still_open = Delivery.objects.filter(mailing=self.mailing, state__in=Delivery.OPEN)
            held = {claim.delivery_id for claim in self.claims}
            assert set(still_open.values_list("pk", flat=True)) <= held

    @invariant()
    def the_content_is_frozen(self) -> None:
        if self.launched_to:
            content = MailingContent.objects.get(mailing=self.mailing)
            self.frozen_subject = getattr(self, "frozen_subject", content.subject)
            assert content.subject == self.frozen_subject

    def teardown(self) -> None:
        self.clock.close()


@pytest.mark.django_db(transaction=True)
def test_any_order_of_commands_leads_to_legal_states_only(report: Report) -> None:
    examples, steps = (60, 40) if IS_FULL else (12, 25)
    run_state_machine_as_test(
        Mailer, settings=settings(max_examples=examples, stateful_step_count=steps, deadline=None)
    )
    report.add("Random commands", also=f"{examples * steps:,} steps at most")
