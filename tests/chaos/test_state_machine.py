"""People and clocks do anything at any time; workers claim, record and vanish: the invariants hold after every step."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, settings
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
from mailer.delivery import materialise
from mailer.delivery.choices import MOVES, last_decision
from mailer.delivery.claim import Claim, claim_deliveries
from mailer.delivery.ledger import Result, record
from mailer.delivery.schedule import PERSONS_ACTIONS, TransitionRefused, change_status, run_schedule
from mailer.forms.times import FORMAT
from mailer.models import Delivery, Mailing, Message
from tests.support.choices import choose
from tests.support.invariants import check_mailing
from tests.support.mailings import make_crowd, make_mailing
from tests.support.results import ACCEPTED, DEFERRED, LOST, REJECTED, UNCERTAIN, WITHHELD, a_worker, result

FULL = os.environ.get("CHAOS") == "full"
EXAMPLES, STEPS = (400, 80) if FULL else (20, 50)
PEOPLE = 4
OUTCOMES = st.sampled_from([ACCEPTED, ACCEPTED, DEFERRED, REJECTED, UNCERTAIN, LOST, WITHHELD])
RARELY = st.sampled_from([False, False, False, False, True])
MOSTLY = st.sampled_from([True, True, True, False])
AFTER_A_DEATH = st.sampled_from([WITHHELD, UNCERTAIN, ACCEPTED])


def record_any(worker: int, results: list[Result], counted_by: int | None = None) -> Counter[str]:
    """How many moved to which state."""
    return record(worker, results, counted_by).states if results else Counter()


class MailingMachine(RuleBasedStateMachine):
    """One mailing of one owner. What each step did is undone after the example."""

    def __init__(self, owner: User) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.stack.enter_context(transaction.atomic())
        self.stack.callback(transaction.set_rollback, True)
        self.owner = owner
        self.page = Client()
        self.page.force_login(owner)
        make_crowd(owner, PEOPLE)
        self.mailing = make_mailing(owner, subject="As it was")
        self.launched_to: set[str] = set()
        self.workers = [a_worker(), a_worker()]
        self.hands: dict[int, list[Claim]] = defaultdict(list)  # by worker
        self.late: list[tuple[int, Result]] = []  # what a worker that was taken for dead may still want to record
        self.seen = 0

    def teardown(self) -> None:
        try:
            self.everything_ends()
        finally:
            self.stack.close()

    def exists(self) -> bool:
        return Mailing.objects.filter(pk=self.mailing.pk).exists()

    def is_launched(self) -> bool:
        return Mailing.objects.filter(pk=self.mailing.pk, launched_at__isnull=False).exists()

    # People.

    @initialize(action=st.sampled_from(["start", "start", "start", "start", "schedule", "cancel"]))
    def begin(self, action: str) -> None:
        """Most begin with what most people do; to cancel a draft is refused."""
        self.act(action, False, True)

    @precondition(exists)
    @rule(action=st.sampled_from([*PERSONS_ACTIONS, "resume", "resume"]), new_end=st.booleans(), really=RARELY)
    def act(self, action: str, new_end: bool, really: bool) -> None:
        if action == "cancel" and not really:
            return
        ends_at = db_now() + timedelta(hours=1) if new_end and action == "start" else None
        self.refusable(lambda: change_status(self.mailing.pk, action, self.owner, ends_at=ends_at))

    def possible_choices(self) -> list[str]:
        states = set(Delivery.objects.values_list("state", flat=True))
        return sorted(choice for choice, move in MOVES.items() if move.source in states)

    @precondition(possible_choices)
    @rule(
        data=st.data(),
        nth=st.none() | st.integers(0, PEOPLE - 1),
        new_end=MOSTLY,
        looks_first=MOSTLY,
    )
    def choose(self, data: st.DataObject, nth: int | None, new_end: bool, looks_first: bool) -> None:
        choice = data.draw(st.sampled_from(self.possible_choices()))
        if looks_first:
            self.look_at_the_page()
        among = {} if nth is None else {"email": f"r{nth}@example.com"}
        ends_at = db_now() + timedelta(hours=1) if new_end else None
        self.refusable(lambda: choose(self.mailing, choice, self.owner, seen=self.seen, ends_at=ends_at, **among))

    def look_at_the_page(self) -> None:
        self.seen = last_decision(self.mailing.pk)
        assert self.page.get(f"/mailings/{self.mailing.pk}/").status_code == 200

    @precondition(lambda self: self.exists() and not self.is_launched())
    @rule(hours=st.integers(1, 5))
    def edit(self, hours: int) -> None:
        window = {"starts_at": db_now(), "ends_at": db_now() + timedelta(hours=hours)}
        form = {"message": self.mailing.message_id, "audience": "everyone"}
        form |= {name: moment.strftime(FORMAT) for name, moment in window.items()}
        assert self.page.post(f"/mailings/{self.mailing.pk}/edit/", form).status_code in (200, 302)

    @precondition(exists)
    @rule(really=RARELY)
    def delete(self, really: bool) -> None:
        path, launched = f"/mailings/{self.mailing.pk}/delete/", self.is_launched()
        response = self.page.post(path) if really else self.page.get(path)
        assert response.status_code == (200 if not really else 409 if launched else 302)
        assert self.exists() == (launched or not really)

    @rule()
    def edit_the_message(self) -> None:
        Message.objects.filter(pk=self.mailing.message_id).update(subject="Edited")

    @rule(nth=st.integers(0, PEOPLE - 1))
    def delete_a_recipient(self, nth: int) -> None:
        recipient = self.owner.recipients.filter(email=f"r{nth}@example.com").first()
        if recipient:
            assert self.page.post(f"/recipients/{recipient.pk}/delete/").status_code == 302

    def refusable(self, act: Callable[[], Any]) -> None:
        """What may be refused, in words; then nothing has changed."""
        before = self.snapshot()
        addresses = set(self.owner.recipients.values_list("email", flat=True))
        was_launched = self.is_launched()
        try:
            act()
        except TransitionRefused:
            assert self.snapshot() == before
        if not was_launched and self.is_launched():
            self.launched_to = addresses

    def snapshot(self) -> list[Any]:
        return [*Mailing.objects.values_list(), *Delivery.objects.order_by("pk").values_list()]

    # The clock.

    @rule(minutes=st.sampled_from([0, 1, 7, 7, 7, 70]), ticks=MOSTLY)
    def time_passes(self, minutes: int, ticks: bool) -> None:
        self.stack.enter_context(shifted(timedelta(minutes=minutes)))
        if ticks and self.exists():
            self.refusable(run_schedule)

    # Workers.

    @precondition(is_launched)
    @rule(nth=st.integers(0, 1), most=st.integers(1, PEOPLE))
    def claim(self, nth: int, most: int) -> None:
        worker = self.workers[nth]
        self.hands[worker] += claim_deliveries(worker, most)

    @precondition(lambda self: any(self.hands.values()))
    @rule(nth=st.integers(0, 1), outcomes=st.lists(OUTCOMES, min_size=1, max_size=PEOPLE), twice=st.booleans())
    def record_some(self, nth: int, outcomes: list[Any], twice: bool) -> None:
        worker = self.workers[nth]
        hand = self.hands[worker]
        results = [result(hand.pop(), outcome) for outcome in outcomes[: len(hand)]]
        record_any(worker, results)
        if twice:  # a COMMIT whose answer was lost
            assert not record_any(worker, results)

    @precondition(is_launched)
    @rule(nth=st.integers(0, 1), outcomes=st.lists(OUTCOMES, min_size=PEOPLE, max_size=PEOPLE))
    def send(self, nth: int, outcomes: list[Any]) -> None:
        self.claim(nth, PEOPLE)
        self.record_some(nth, outcomes, False)

    @precondition(lambda self: any(self.hands.values()))
    @rule(nth=st.integers(0, 1), outcomes=st.lists(AFTER_A_DEATH, min_size=PEOPLE, max_size=PEOPLE))
    def a_worker_is_swept(self, nth: int, outcomes: list[Any]) -> None:
        dead, other = self.workers[nth], self.workers[1 - nth]
        claims = self.hands.pop(dead, [])
        record_any(dead, [result(c, o) for c, o in zip(claims, outcomes, strict=False)], counted_by=other)
        self.late += [(dead, result(claim, ACCEPTED)) for claim in claims]
        self.workers[nth] = a_worker()

    @precondition(lambda self: bool(self.late))
    @rule()
    def a_swept_worker_wakes_and_records(self) -> None:
        for worker, late in self.late:
            assert not record_any(worker, [late])

    # What must hold.

    @invariant()
    def nothing_is_lost_or_wrong(self) -> None:
        if self.exists():
            in_hand = {claim.delivery_id for hand in self.hands.values() for claim in hand}
            check_mailing(self.mailing, self.launched_to, in_hand)
            if self.mailing.is_launched:
                assert self.mailing.content.message_id_domain
        else:
            assert not Delivery.objects.exists()

    def everything_ends(self) -> None:
        """Released by its workers, and after its window, a mailing that was launched is over."""
        for worker, hand in self.hands.items():
            record_any(worker, [result(claim, WITHHELD) for claim in hand])
        self.hands.clear()
        self.time_passes(60 * 24, True)
        self.nothing_is_lost_or_wrong()
        if self.exists() and self.mailing.is_launched:
            assert self.mailing.status in ("completed", "cancelled")


@pytest.mark.django_db
def test_whatever_happens_each_recipient_is_in_exactly_one_state(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailer.delivery.schedule.FIRST_CHUNK", 2)
    monkeypatch.setattr(materialise.materialise_chunk, "__defaults__", (2,))
    monkeypatch.setattr("mailer.delivery.choices.CHUNK", 2)
    run_state_machine_as_test(
        lambda: MailingMachine(owner),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
