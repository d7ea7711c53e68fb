"""A list that is suppressed while a sender records results of the same deliveries, in another order."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from core.models import User
from mailer.consent import Ground, suppress
from mailer.delivery.schedule import change_status
from mailer.models import Delivery
from tests.support.mailings import counted, make_mailing, make_recipients, really_counted, states
from tests.support.waiting import wait_for_waiters, with_many_writers

pytestmark = [pytest.mark.django_db(transaction=True), with_many_writers]

ANA, BEN = "ana@example.com", "ben@example.com"


def lock(delivery_id: int) -> None:
    Delivery.objects.select_for_update().get(pk=delivery_id)


def record_backwards(first: int, last: int, has_begun: threading.Event) -> None:
    """As a recorder might, once the other waits for what it holds."""
    try:
        with transaction.atomic():
            lock(last)
            has_begun.set()
            wait_for_waiters()
            lock(first)
    finally:
        connection.close()


def test_it_is_done_again_where_the_two_have_waited_for_one_another(owner: User) -> None:
    make_recipients(owner, ANA, BEN)
    mailing = change_status(make_mailing(owner).pk, "start", owner)
    first, last = mailing.deliveries.order_by("pk").values_list("pk", flat=True)
    has_begun = threading.Event()
    with ThreadPoolExecutor(1) as other:
        recording = other.submit(record_backwards, first, last, has_begun)
        assert has_begun.wait(30)
        assert suppress(Ground(owner.pk, "manual"), [ANA, BEN]) == 2
        recording.result()
    assert states(mailing) == {ANA: "skipped", BEN: "skipped"}
    assert counted(mailing) == {"skipped": 2} == really_counted(mailing)
