"""An open registration is no open relay: a new account's mail is held where it is claimed."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from core.clock import db_now, shifted
from core.models import User
from core.people import change_user
from mailer.delivery.ledger import record
from mailer.delivery.transitions import change_status
from mailer.delivery.work_left import work_left
from mailer.models import AttemptCount, Mailing
from tests.support.mailings import make_crowd, make_mailing
from tests.support.results import ACCEPTED, REJECTED, WITHHELD, a_worker, claimed, result, taken_by

pytestmark = pytest.mark.django_db


@pytest.fixture
def newcomer(owner: User, settings: Any) -> User:
    settings.NEW_ACCOUNT_DAILY_CAP = 5
    owner.sending_allowed_at = None
    owner.save()
    return owner


def launched(owner: User, n: int) -> Mailing:
    make_crowd(owner, n)
    return started(owner)


def started(owner: User) -> Mailing:
    mailing = make_mailing(owner, ends_at=timezone.now() + timedelta(days=7))
    return change_status(mailing.pk, "start", owner)


def test_a_new_account_sends_up_to_its_cap(newcomer: User) -> None:
    launched(newcomer, 8)
    worker = a_worker()
    claims = claimed(worker)
    assert len(claims) == 5
    assert claimed(worker) == []  # those in hand count
    record(worker, [result(claim, REJECTED if n == 0 else ACCEPTED) for n, claim in enumerate(claims)])
    assert claimed(worker) == []
    with shifted(timedelta(hours=26)):
        assert len(claimed(worker)) == 3


def test_what_was_not_handed_over_costs_nothing(newcomer: User) -> None:
    launched(newcomer, 8)
    worker = a_worker()
    record(worker, [result(claim, WITHHELD) for claim in claimed(worker)])
    assert len(claimed(worker)) == 5


def test_the_cap_is_on_the_account_not_on_a_mailing(newcomer: User) -> None:
    launched(newcomer, 4)
    started(newcomer)
    worker = a_worker()
    assert len(claimed(worker)) == 5
    assert claimed(worker) == []


def test_one_persons_cap_does_not_hold_anothers_mail(newcomer: User, stranger: User) -> None:
    launched(newcomer, 8)
    make_crowd(stranger, 20)
    other = started(stranger)
    claims = taken_by(a_worker(), 25)
    assert len(claims) == 25
    assert sum(claim.mailing_id == other.pk for claim in claims) == 20


def test_a_manager_lifts_it(newcomer: User, manager: User) -> None:
    launched(newcomer, 8)
    worker = a_worker()
    assert len(claimed(worker)) == 5
    change_user(newcomer.pk, "allow", manager)
    assert len(claimed(worker)) == 3


def test_managers_and_superusers_have_none(manager: User, superuser: User, newcomer: User) -> None:
    User.objects.update(sending_allowed_at=None)
    for user in (manager, superuser):
        launched(user, 8)
    assert len(claimed(a_worker())) == 16


def test_without_a_cap_nobody_is_held(newcomer: User, settings: Any) -> None:
    settings.NEW_ACCOUNT_DAILY_CAP = 0
    launched(newcomer, 8)
    assert len(claimed(a_worker())) == 8


def test_where_approval_is_required_nothing_goes_before_it(newcomer: User, manager: User, settings: Any) -> None:
    settings.NEW_ACCOUNT_DAILY_CAP, settings.SENDING_REQUIRES_APPROVAL = 0, True
    launched(newcomer, 8)
    worker = a_worker()
    assert claimed(worker) == []
    change_user(newcomer.pk, "allow", manager)
    assert len(claimed(worker)) == 8


def test_what_is_held_back_is_not_due(newcomer: User) -> None:
    mailing = launched(newcomer, 8)
    hour = db_now().replace(minute=0, second=0, microsecond=0)
    AttemptCount.objects.create(mailing=mailing, hour=hour, status="success", n=5)
    left = work_left()
    assert (left.due, left.later) == (0, 8)
    assert left.next_attempt_at == hour + timedelta(hours=25)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time")
def test_racing_workers_do_not_exceed_it(newcomer: User) -> None:
    launched(newcomer, 40)
    workers = [a_worker() for _ in range(4)]
    together = threading.Barrier(len(workers))
    claims: list[int] = []

    def claim(worker: int) -> None:
        together.wait(30)
        claims.extend(claim.delivery_id for claim in taken_by(worker, 5))
        connection.close()

    threads = [threading.Thread(target=claim, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(claims) == 5


def test_its_page_and_home_say_why_it_waits(newcomer: User, client: Client, settings: Any) -> None:
    mailing = launched(newcomer, 8)
    a_worker()
    AttemptCount.objects.create(mailing=mailing, hour=db_now(), status="success", n=5)
    client.force_login(newcomer)
    for address in (f"/mailings/{mailing.pk}/", "/"):
        assert "The day’s cap is reached" in client.get(address).content.decode()
    settings.SENDING_REQUIRES_APPROVAL = True
    for address in (f"/mailings/{mailing.pk}/", "/"):
        assert "Waiting for approval" in client.get(address).content.decode()
