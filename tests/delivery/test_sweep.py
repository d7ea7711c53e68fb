from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from core.clock import shifted
from core.models import User
from mailer.delivery import sweep
from mailer.delivery.claim import Claim, register_worker, renew_lease
from mailer.delivery.journal import Journal, boot_id
from mailer.delivery.schedule import change_status
from mailer.delivery.sweep import sweep_dead_workers
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

pytestmark = pytest.mark.django_db

HOST = "this-host"


@pytest.fixture
def mailing(owner: User) -> Mailing:
    make_crowd(owner, 4)
    return change_status(make_mailing(owner).pk, "start", owner)


def killed_worker(folder: Path, work: Callable[[Journal, list[Claim]], None], boot: str = "") -> int:
    """A worker that claimed everything and was killed in the middle of `work`, its journal left behind."""
    worker = register_worker(HOST, boot or boot_id())
    claims = claimed(worker)
    child = os.fork()
    if child == 0:
        journal = Journal.open(folder, worker, HOST, boot or boot_id(), sync=False)
        work(journal, claims)
        os._exit(137)
    os.waitpid(child, 0)
    return worker


def sent_two(journal: Journal, claims: list[Claim]) -> None:
    for claim, outcome in zip(claims, (ACCEPTED, REJECTED), strict=False):
        journal.handing_over(claim.delivery_id, claim.number, 1.0)
        journal.reply(claim.delivery_id, claim.number, 2.0, outcome)
    journal.handing_over(claims[2].delivery_id, claims[2].number, 3.0)


def test_it_settles_by_the_journal_what_a_killed_worker_held(mailing: Mailing, tmp_path: Path) -> None:
    dead = killed_worker(tmp_path, sent_two)
    sweep_dead_workers(register_worker(HOST, boot_id()), tmp_path, HOST)
    assert list(states(mailing).values()) == ["sent", "failed", "uncertain", "queued"]
    assert counted(mailing) == really_counted(mailing)
    assert counted_attempts() == really_counted_attempts()
    assert list(Attempt.objects.order_by("delivery_id").values_list("server_response", flat=True)) == [
        ACCEPTED.server_response,
        REJECTED.server_response,
        sweep.KILLED,
    ]
    assert not list(tmp_path.iterdir())
    assert not renew_lease(dead, "")


def test_it_sweeps_a_dead_worker_once(mailing: Mailing, tmp_path: Path) -> None:
    killed_worker(tmp_path, sent_two)
    for _ in range(2):
        sweep_dead_workers(register_worker(HOST, boot_id()), tmp_path, HOST)
    assert Attempt.objects.count() == 3
    assert counted(mailing) == really_counted(mailing)


def test_it_does_not_trust_silence_after_another_boot(mailing: Mailing, tmp_path: Path) -> None:
    killed_worker(tmp_path, sent_two, boot="before-the-power-cut")
    sweep_dead_workers(register_worker(HOST, boot_id()), tmp_path, HOST)
    assert list(states(mailing).values()) == ["sent", "failed", "uncertain", "uncertain"]


def test_it_leaves_a_living_worker_alone(mailing: Mailing, tmp_path: Path) -> None:
    worker = register_worker(HOST, boot_id())
    claimed(worker)
    journal = Journal.open(tmp_path, worker, HOST, boot_id(), sync=False)
    sweep_dead_workers(register_worker(HOST, boot_id()), tmp_path, HOST)
    assert set(states(mailing).values()) == {"sending"}
    journal.close()


@pytest.mark.parametrize("host", [HOST, "another-host"])
def test_it_waits_long_where_no_journal_speaks_and_then_says_uncertain(
    mailing: Mailing, tmp_path: Path, host: str
) -> None:
    claimed(register_worker(host, boot_id()))
    for minutes in (0, 10):
        with shifted(timedelta(minutes=minutes)):
            sweep_dead_workers(register_worker(HOST, boot_id()), tmp_path, HOST)
        assert set(states(mailing).values()) == {"sending"}
    with shifted(timedelta(minutes=12)):
        sweep_dead_workers(register_worker(HOST, boot_id()), tmp_path, HOST)
    assert set(states(mailing).values()) == {"uncertain"}
    assert not Delivery.objects.exclude(worker=None).exists()
