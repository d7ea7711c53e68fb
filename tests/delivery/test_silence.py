from __future__ import annotations

from datetime import timedelta

import pytest

from core.clock import shifted
from mailer.delivery.lease import register_worker, renew_lease
from mailer.delivery.silence import Witness
from mailer.models import Worker
from tests.support.sweeping import Clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def worker() -> Worker:
    return Worker.objects.get(pk=register_worker("another-host", "another-boot"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


def look_for(witness: Witness, clock: Clock, seconds: int) -> None:
    for _look in range(seconds // 5):
        clock.now += 5
        witness.look(Worker.objects.all())


def test_it_has_seen_nothing_at_first(worker: Worker, clock: Clock) -> None:
    witness = Witness(clock)
    witness.look([worker])
    assert not witness.has_seen_silence(worker)


def test_it_has_seen_silence_after_a_whole_lease(worker: Worker, clock: Clock) -> None:
    witness = Witness(clock)
    witness.look([worker])
    look_for(witness, clock, 55)
    assert not witness.has_seen_silence(worker)
    look_for(witness, clock, 5)
    assert witness.has_seen_silence(worker)


def test_a_renewed_lease_is_no_silence(worker: Worker, clock: Clock) -> None:
    witness = Witness(clock)
    look_for(witness, clock, 60)
    renew_lease(worker.pk, "")
    look_for(witness, clock, 10)
    assert not witness.has_seen_silence(worker)


def test_after_an_outage_everybody_has_a_whole_lease_to_renew(worker: Worker, clock: Clock) -> None:
    """All leases ran out meanwhile, though the workers live."""
    witness = Witness(clock)
    look_for(witness, clock, 120)
    clock.now += 3600
    with shifted(timedelta(hours=1)):
        look_for(witness, clock, 55)
        assert not witness.has_seen_silence(worker)
        look_for(witness, clock, 60)
        assert witness.has_seen_silence(worker)


@pytest.mark.parametrize("hours", [24, -24])
def test_a_jump_of_the_databases_clock_proves_nothing(worker: Worker, clock: Clock, hours: int) -> None:
    witness = Witness(clock)
    look_for(witness, clock, 30)
    with shifted(timedelta(hours=hours)):
        look_for(witness, clock, 5)
        assert not witness.has_seen_silence(worker)
