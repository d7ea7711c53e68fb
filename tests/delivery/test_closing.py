"""Whatever comes in whatever order: the ledger is sound at every step, and a closed mailing keeps nothing open."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.clock import db_now, shifted
from core.models import User
from mailer.delivery.audit import audit_mailing
from mailer.delivery.claim import Claim
from mailer.delivery.evidence import late_evidence, settle
from mailer.delivery.lease import LEASE, register_worker
from mailer.delivery.ledger import record
from mailer.delivery.outcome import Outcome
from mailer.delivery.schedule import run_schedule
from mailer.delivery.transitions import TransitionRefused, change_status
from mailer.models import Delivery, Mailing, Worker
from tests.support.choices import choose
from tests.support.mailings import make_crowd, make_mailing
from tests.support.results import ACCEPTED, DEFERRED, LOST, REJECTED, UNCERTAIN, WITHHELD, claimed, result
from tests.support.sweeping import sweep_after_long_silence

pytestmark = pytest.mark.django_db

OUTCOMES = [ACCEPTED, DEFERRED, LOST, REJECTED, UNCERTAIN, WITHHELD]
numbers = count()


class World:
    """A mailing, the workers that have something of it in hand, and those that have been given up with theirs."""

    def __init__(self, owner: User, folder: Path, time: contextlib.ExitStack) -> None:
        self.owner, self.folder, self.time = owner, folder, time
        self.mailing = change_status(make_mailing(owner).pk, "start", owner)
        self.in_hand: dict[int, list[Claim]] = {}
        self.given_up: dict[int, list[Claim]] = {}

    def claim(self, _outcomes: list[Outcome]) -> None:
        worker = register_worker("another-host", "another-boot")
        if claims := claimed(worker, 3):
            self.in_hand[worker] = claims

    def record(self, outcomes: list[Outcome]) -> None:
        """Some worker comes to the end of what it had."""
        if self.in_hand:
            worker, claims = self.in_hand.popitem()
            record(worker, [result(claim, outcome) for claim, outcome in zip(claims, outcomes, strict=False)])

    def give_up(self, _outcomes: list[Outcome]) -> None:
        """All who work now are not heard of for long."""
        sweep_after_long_silence(self.folder)
        self.given_up |= self.in_hand
        self.in_hand.clear()

    def wake_up(self, outcomes: list[Outcome]) -> None:
        for worker, claims in self.given_up.items():
            results = [result(claim, outcome) for claim, outcome in zip(claims, outcomes, strict=False)]
            settle(worker, late_evidence(record(worker, results).not_held))

    def resend(self, _outcomes: list[Outcome]) -> None:
        """A person does, what is uncertain."""
        with contextlib.suppress(TransitionRefused):
            choose(self.mailing, "resend", self.owner)

    def pass_on(self, outcomes: list[Outcome]) -> None:
        """What was in hand is resent by somebody else."""
        self.give_up(outcomes)
        self.resend(outcomes)
        self.claim(outcomes)

    def pause(self, _outcomes: list[Outcome]) -> None:
        self.change("pause")

    def resume(self, _outcomes: list[Outcome]) -> None:
        self.change("resume")

    def cancel(self, _outcomes: list[Outcome]) -> None:
        self.change("cancel")

    def pass_an_hour(self, _outcomes: list[Outcome]) -> None:
        """Those who work renew their leases meanwhile."""
        self.time.enter_context(shifted(timedelta(minutes=40)))
        Worker.objects.filter(pk__in=self.in_hand).update(lease_expires_at=db_now() + LEASE)

    def look_at_the_clock(self, _outcomes: list[Outcome]) -> None:
        run_schedule()

    def change(self, action: str) -> None:
        with contextlib.suppress(TransitionRefused):
            change_status(self.mailing.pk, action, self.owner)

    def is_sound(self) -> None:
        assert [check for check in audit_mailing(self.mailing.pk) if not check.ok] == []


STEPS: list[Callable[[World, list[Outcome]], None]] = [
    World.claim,
    World.record,
    World.give_up,
    World.wake_up,
    World.resend,
    World.pass_on,
    World.pause,
    World.resume,
    World.cancel,
    World.pass_an_hour,
    World.look_at_the_clock,
]
outcomes = st.lists(st.sampled_from(OUTCOMES), min_size=3, max_size=3)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=st.lists(st.tuples(st.sampled_from(STEPS), outcomes), min_size=3, max_size=15))
def test_a_closed_mailing_never_keeps_an_open_delivery(
    owner: User, tmp_path: Path, steps: list[tuple[Callable[[World, list[Outcome]], None], list[Outcome]]]
) -> None:
    with transaction.atomic(), contextlib.ExitStack() as time:
        make_crowd(owner, 4)
        world = World(owner, tmp_path / str(next(numbers)), time)
        world.claim([])  # nothing is of interest before
        for step, those in steps:
            step(world, those)
            world.is_sound()
        while world.in_hand:  # what is on the wire comes to its end
            world.record([ACCEPTED, DEFERRED, LOST])
        run_schedule()
        world.is_sound()
        mailing = Mailing.objects.get(pk=world.mailing.pk)
        if mailing.status in ("cancelled", "completed"):
            assert not Delivery.objects.filter(mailing=mailing, state__in=Delivery.OPEN).exists()
        transaction.set_rollback(True)
