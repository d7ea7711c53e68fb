"""Claims and results do not wait for whoever holds a mailing, or its deliveries, for long."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import connection, transaction
from django.test import Client

from core.models import User
from mailer.delivery.ledger import record
from mailer.delivery.suppression import skip_suppressed
from mailer.delivery.transitions import change_status
from mailer.locks import locked_mailing
from mailer.models import Delivery, Mailing, Suppression
from tests.support.mailings import make_crowd, make_mailing, states
from tests.support.results import ACCEPTED, a_worker, claimed, result, taken_by
from tests.support.waiting import done_and_closed, with_many_writers

pytestmark = [pytest.mark.django_db(transaction=True), with_many_writers]


@pytest.fixture
def mailing(owner: User) -> Mailing:
    make_crowd(owner, 3)
    return change_status(make_mailing(owner).pk, "start", owner)


@contextmanager
def held_elsewhere(lock: Callable[[], object]) -> Iterator[None]:
    """Hold in another connection what `lock` locks; who waits for it here fails after a second."""
    is_held, is_over = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            lock()
            is_held.set()
            is_over.wait(30)

    holder = threading.Thread(target=done_and_closed, args=(hold,))
    holder.start()
    assert is_held.wait(30)
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '1s'")
    try:
        yield
    finally:
        is_over.set()
        holder.join()
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")  # the connection goes back to the pool


def test_a_claim_and_its_results_wait_for_no_lock_on_the_mailing(mailing: Mailing) -> None:
    """Not even the first ones, which begin counters: a counter's foreign key is checked as it is committed."""
    worker = a_worker()
    with held_elsewhere(lambda: locked_mailing(mailing.pk)):
        claims = claimed(worker)
        recorded = record(worker, [result(claim, ACCEPTED) for claim in claims])
    assert len(claims) == 3
    assert recorded.states == {"sent": 3}


def test_a_claim_waits_for_no_lock_on_those_whom_it_passes_over(mailing: Mailing, owner: User) -> None:
    worker = a_worker()
    Suppression.objects.create(owner=owner, address_key="r1@example.com", reason=Suppression.Reason.MANUAL)
    suppressed = Delivery.objects.filter(address_key="r1@example.com")
    assert suppressed.exists()
    with held_elsewhere(lambda: list(suppressed.select_for_update())):
        assert len(taken_by(worker, 10)) == 2
        skip_suppressed(owner.pk, [suppressed.get().pk], worker)  # had the lock come a moment later
    assert sorted(states(mailing).values()) == ["queued", "sending", "sending"]
    assert taken_by(worker, 10) == []
    assert sorted(states(mailing).values()) == ["sending", "sending", "skipped"]


def test_who_renames_a_recipient_waits_for_no_launch(owner: User, client: Client) -> None:
    person = make_crowd(owner, 3)[0]
    mailing = make_mailing(owner)
    client.force_login(owner)
    with held_elsewhere(lambda: change_status(mailing.pk, "start", owner)):
        typed = {"email": person.email, "full_name": "Renamed", "comment": ""}
        assert client.post(f"/recipients/{person.pk}/edit/", typed).status_code == 302
