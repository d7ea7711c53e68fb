"""A list that is suppressed while a sender records results of the same deliveries, in another order."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from core.models import User
from mailer.consent import Ground, suppress
from mailer.delivery.schedule import change_status
from mailer.models import Delivery
from tests.support.mailings import counted, make_mailing, make_recipients, really_counted, states

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer, who waits for nobody"),
]

ANA, BEN = "ana@example.com", "ben@example.com"


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return bool(cursor.fetchone() == (True,))


def lock(delivery_id: int) -> None:
    Delivery.objects.select_for_update().get(pk=delivery_id)


def record_backwards(first: int, last: int, has_begun: threading.Event) -> None:
    """As a recorder might, once the other waits for what it holds."""
    try:
        with transaction.atomic():
            lock(last)
            has_begun.set()
            deadline = time.monotonic() + 30
            while not somebody_waits():
                assert time.monotonic() < deadline
                time.sleep(0.01)
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
