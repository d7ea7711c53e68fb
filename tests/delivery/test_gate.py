from __future__ import annotations

from datetime import timedelta

import pytest

from core.models import User
from mailer.delivery.gate import TRUSTED_FOR, Gate, Look, look
from mailer.delivery.transitions import change_status
from tests.support.mailings import make_crowd, make_mailing
from tests.support.results import a_worker


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gate(clock: Clock) -> Gate:
    gate = Gate(clock)
    gate.lease_held_until(160.0)
    gate.update(Look({1: 3600.0, 2: 0.5}), asked_at=100.0)
    return gate


def test_it_lets_a_sending_mailing_pass_and_no_other(gate: Gate) -> None:
    assert gate.allows(1, 7)
    assert not gate.allows(3, 7)


def test_it_shuts_by_itself_at_the_windows_end(gate: Gate, clock: Clock) -> None:
    assert gate.allows(2, 7)
    clock.now += 0.5
    assert gate.allows(1, 7)
    assert not gate.allows(2, 7)


def test_it_shuts_when_it_could_not_look_for_a_second(gate: Gate, clock: Clock) -> None:
    clock.now += TRUSTED_FOR
    assert not gate.allows(1, 7)
    gate.update(Look({1: 3600.0}), asked_at=clock.now)
    assert gate.allows(1, 7)


def test_it_shuts_when_the_lease_has_run_out(gate: Gate, clock: Clock) -> None:
    clock.now = 160.0
    gate.update(Look({1: 3600.0}), asked_at=clock.now)
    assert not gate.allows(1, 7)


async def test_it_says_whether_the_last_look_is_fresh(gate: Gate, clock: Clock) -> None:
    assert await gate.is_fresh()
    clock.now += TRUSTED_FOR
    assert not await gate.is_fresh()


@pytest.mark.django_db
def test_it_sees_a_pause_as_soon_as_it_is_committed(owner: User) -> None:
    make_crowd(owner, 1)
    mailing = change_status(make_mailing(owner).pk, "start", owner)
    assert look(a_worker(), [mailing.pk]).seconds_left[mailing.pk] == pytest.approx(
        timedelta(hours=1).total_seconds(), abs=60
    )
    change_status(mailing.pk, "pause", owner)
    assert look(a_worker(), [mailing.pk]).seconds_left == {}
