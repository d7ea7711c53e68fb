from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from core.clock import shifted
from core.models import User
from mailer.delivery.claim import Claim
from mailer.delivery.journal import Journal
from mailer.delivery.journal_files import boot_id
from mailer.delivery.lease import LEASE, register_worker, renew_lease
from mailer.delivery.sweep import KILLED, SILENCE
from mailer.delivery.transitions import change_status
from mailer.models import Attempt, Delivery, Mailing
from tests.support.mailings import (
    counted,
    counted_attempts,
    make_crowd,
    make_mailing,
    really_counted,
    really_counted_attempts,
    states,
)
from tests.support.results import ACCEPTED, REJECTED, claimed
from tests.support.sweeping import HOST, killed_worker, sweep, sweep_after_long_silence
from tests.support.waiting import committed_once_somebody_waits, with_many_writers

pytestmark = pytest.mark.django_db


@pytest.fixture
def mailing(owner: User) -> Mailing:
    make_crowd(owner, 4)
    return change_status(make_mailing(owner).pk, "start", owner)


def sent_two(journal: Journal, claims: list[Claim]) -> None:
    for claim, outcome in zip(claims, (ACCEPTED, REJECTED), strict=False):
        journal.handing_over(claim.delivery_id, claim.number, 1.0)
        journal.reply(claim.delivery_id, claim.number, 2.0, outcome)
    journal.handing_over(claims[2].delivery_id, claims[2].number, 3.0)


def test_it_settles_by_the_journal_what_a_killed_worker_held(mailing: Mailing, tmp_path: Path) -> None:
    dead = killed_worker(tmp_path, sent_two)
    sweep(tmp_path)
    assert list(states(mailing).values()) == ["sent", "failed", "uncertain", "queued"]
    assert counted(mailing) == really_counted(mailing)
    assert counted_attempts() == really_counted_attempts()
    assert list(Attempt.objects.order_by("delivery_id").values_list("server_response", flat=True)) == [
        ACCEPTED.server_response,
        REJECTED.server_response,
        KILLED,
    ]
    assert not list(tmp_path.iterdir())
    assert not renew_lease(dead, "")


def test_it_sweeps_a_dead_worker_once(mailing: Mailing, tmp_path: Path) -> None:
    killed_worker(tmp_path, sent_two)
    for _ in range(2):
        sweep(tmp_path)
    assert Attempt.objects.count() == 3
    assert counted(mailing) == really_counted(mailing)


def test_it_does_not_trust_silence_after_another_boot(mailing: Mailing, tmp_path: Path) -> None:
    killed_worker(tmp_path, sent_two, boot="before-the-power-cut")
    sweep(tmp_path)
    assert list(states(mailing).values()) == ["sent", "failed", "uncertain", "uncertain"]


def test_it_leaves_a_living_worker_alone(mailing: Mailing, tmp_path: Path) -> None:
    worker = register_worker(HOST, boot_id())
    claimed(worker)
    journal = Journal.open(tmp_path, worker, HOST, boot_id(), sync=False)
    sweep(tmp_path)
    assert set(states(mailing).values()) == {"sending"}
    journal.close()


@pytest.mark.parametrize("host", [HOST, "another-host"])
def test_it_waits_long_where_no_journal_speaks_and_then_says_uncertain(
    mailing: Mailing, tmp_path: Path, host: str
) -> None:
    claimed(register_worker(host, boot_id()))
    for minutes in (0, 10):
        with shifted(timedelta(minutes=minutes)):
            sweep(tmp_path)
        assert set(states(mailing).values()) == {"sending"}
    sweep_after_long_silence(tmp_path)
    assert set(states(mailing).values()) == {"uncertain"}
    assert not Delivery.objects.exclude(worker=None).exists()


@with_many_writers
@pytest.mark.django_db(transaction=True)
def test_who_wakes_up_while_others_are_swept_is_left_alone(mailing: Mailing, tmp_path: Path) -> None:
    silent, waking = register_worker("another-host", "boot"), register_worker("another-host", "boot")
    held = claimed(silent, 2)
    assert len(claimed(waking)) == 2

    def wake_up() -> None:
        list(Delivery.objects.select_for_update().filter(worker=silent))
        with shifted(LEASE + SILENCE):
            assert renew_lease(waking, "")

    with committed_once_somebody_waits(wake_up):
        sweep_after_long_silence(tmp_path)
    assert set(Attempt.objects.values_list("delivery", flat=True)) == {claim.delivery_id for claim in held}
    assert counted(mailing) == {"uncertain": 2, "sending": 2} == really_counted(mailing)
    assert renew_lease(waking, "")


def test_it_trusts_the_lock_of_a_container_that_had_another_name(mailing: Mailing, tmp_path: Path) -> None:
    killed_worker(tmp_path, sent_two, host="another-name")
    sweep(tmp_path)
    assert list(states(mailing).values()) == ["sent", "failed", "uncertain", "queued"]


def test_it_does_not_take_over_what_lies_here_from_another_machine(mailing: Mailing, tmp_path: Path) -> None:
    killed_worker(tmp_path, sent_two, host="another-host", boot="another-boot")
    sweep(tmp_path)
    assert set(states(mailing).values()) == {"sending"}


def test_it_removes_the_journal_of_one_who_died_with_empty_hands(mailing: Mailing, tmp_path: Path) -> None:
    killed_worker(tmp_path, sent_two)
    Delivery.objects.update(state="sent", worker=None)
    sweep(tmp_path)
    assert list(tmp_path.iterdir())  # it may have just begun
    with shifted(timedelta(minutes=2)):
        sweep(tmp_path)
    assert not list(tmp_path.iterdir())
