"""People do anything at any time; workers claim, record and vanish: the invariants hold after every step."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test

from core.models import User
from mailer.delivery import materialise
from mailer.delivery.claim import Claim
from mailer.delivery.ledger import record
from mailer.delivery.verdict import Result
from mailer.models import Delivery
from tests.chaos.people import PEOPLE, PeopleMachine
from tests.chaos.support.report import Report
from tests.chaos.support.sizes import SEED, Sizes
from tests.support.invariants import check_mailing
from tests.support.results import ACCEPTED, DEFERRED, LOST, REJECTED, UNCERTAIN, WITHHELD, a_worker, result, taken_by

OUTCOMES = st.lists(
    st.sampled_from([ACCEPTED, ACCEPTED, DEFERRED, REJECTED, UNCERTAIN, LOST, WITHHELD]), min_size=1, max_size=PEOPLE
)
FROM_THE_JOURNAL = st.lists(st.sampled_from([WITHHELD, UNCERTAIN, ACCEPTED]), min_size=PEOPLE, max_size=PEOPLE)
NTH = st.integers(0, 1)


class MailingMachine(PeopleMachine):
    """With two workers, as the database sees them."""

    def __init__(self) -> None:
        super().__init__()
        self.workers = [a_worker(), a_worker()]
        self.hands: dict[int, list[Claim]] = defaultdict(list)  # by worker
        self.late: list[tuple[int, Result]] = []  # what a worker that was taken for dead may still want to record

    def teardown(self) -> None:
        try:
            self.everything_ends()
        finally:
            super().teardown()

    def anybody_holds_something(self) -> bool:
        return any(self.hands.values())

    @precondition(PeopleMachine.is_launched)
    @rule(nth=NTH, most=st.integers(1, PEOPLE))
    def claim(self, nth: int, most: int) -> None:
        worker = self.workers[nth]
        self.hands[worker] += taken_by(worker, most)

    @precondition(anybody_holds_something)
    @rule(nth=NTH, outcomes=OUTCOMES, twice=st.booleans())
    def record_some(self, nth: int, outcomes: list[Any], twice: bool) -> None:
        worker = self.workers[nth]
        hand = self.hands[worker]
        results = [result(hand.pop(), outcome) for outcome in outcomes[: len(hand)]]
        record_any(worker, results)
        if twice:  # a COMMIT whose answer was lost
            record_any(worker, results)

    @precondition(PeopleMachine.is_launched)
    @rule(nth=NTH, outcomes=OUTCOMES)
    def send(self, nth: int, outcomes: list[Any]) -> None:
        self.claim(nth, PEOPLE)
        self.record_some(nth, outcomes, False)

    @precondition(anybody_holds_something)
    @rule(nth=NTH, outcomes=FROM_THE_JOURNAL)
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
            record_any(worker, [late])

    @invariant()
    def nothing_is_lost_or_wrong(self) -> None:
        if self.exists():
            in_hand = {claim.delivery_id for hand in self.hands.values() for claim in hand}
            check_mailing(self.mailing, self.launched_to, in_hand)
            if self.mailing.is_launched:
                assert self.mailing.content.subject == self.launched_as
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


def record_any(worker: int, results: list[Result], counted_by: int | None = None) -> None:
    if results:
        record(worker, results, counted_by)


@pytest.mark.django_db
def test_whatever_happens_each_recipient_is_in_exactly_one_state(
    owner: User, monkeypatch: pytest.MonkeyPatch, sizes: Sizes, report: Report
) -> None:
    monkeypatch.setattr("mailer.delivery.transitions.FIRST_CHUNK", 2)
    monkeypatch.setattr(materialise.materialise_chunk, "__defaults__", (2,))
    monkeypatch.setattr("mailer.delivery.choices.CHUNK", 2)
    run_state_machine_as_test(
        seed(SEED)(MailingMachine),
        settings=settings(
            max_examples=sizes.examples,
            stateful_step_count=sizes.steps,
            deadline=None,
            database=None,  # what failed once does not come before the seed's
            suppress_health_check=list(HealthCheck),
        ),
    )
    report.add(f"{sizes.examples} × {sizes.steps} random commands")
