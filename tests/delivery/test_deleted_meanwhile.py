"""A draft that is deleted while it is launched: one of the two comes first, and the other does nothing.

No foreign key of a delivery would tell: docs/decisions/0013.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from core.models import User
from mailer.delivery.audit import audit_mailing
from mailer.delivery.schedule import change_status, run_schedule
from mailer.models import AuditEntry, Delivery, Mailing, MailingContent, MailingCount
from tests.support.mailings import make_crowd, make_mailing

pytestmark = pytest.mark.django_db(transaction=True)
with_many_writers = pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one: nobody comes in between")

PAGES = ["/mailings/{}/delete/", "/admin/mailer/mailing/{}/delete/"]


@pytest.fixture
def mailing(superuser: User) -> Mailing:
    make_crowd(superuser, 3)
    return make_mailing(superuser)


@pytest.fixture
def page(superuser: User) -> Client:
    client = Client()
    client.force_login(superuser)
    return client


@contextmanager
def committed_once_somebody_waits(act: Callable[[], object]) -> Iterator[None]:
    """Do it in another connection, and commit it once the block waits for what it has locked."""
    is_done = threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                act()
                is_done.set()
                deadline = time.monotonic() + 30
                while not somebody_waits():
                    assert time.monotonic() < deadline
                    time.sleep(0.01)
        finally:
            is_done.set()
            connection.close()

    with ThreadPoolExecutor(1) as other:
        holding = other.submit(hold)
        assert is_done.wait(30)
        yield
        holding.result()


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return bool(cursor.fetchone() == (True,))


@with_many_writers
@pytest.mark.parametrize("address", PAGES, ids=["page", "admin"])
def test_what_is_launched_first_stays(mailing: Mailing, superuser: User, page: Client, address: str) -> None:
    with committed_once_somebody_waits(lambda: change_status(mailing.pk, "start", superuser)):
        refused = page.post(address.format(mailing.pk), {"post": "yes"})
    assert refused.status_code in (403, 409)
    assert Delivery.objects.filter(mailing=mailing).count() == 3
    assert [check for check in audit_mailing(mailing.pk) if not check.ok] == []


@with_many_writers
def test_what_is_deleted_first_is_not_launched(mailing: Mailing, superuser: User) -> None:
    with committed_once_somebody_waits(mailing.delete), pytest.raises(Mailing.DoesNotExist):
        change_status(Mailing.objects.get().pk, "start", superuser)
    assert not Delivery.objects.exists()
    assert not MailingContent.objects.exists()


@with_many_writers
def test_what_is_deleted_when_its_time_has_come_does_not_stop_the_clock(mailing: Mailing, superuser: User) -> None:
    change_status(mailing.pk, "schedule", superuser)
    other = change_status(make_mailing(superuser).pk, "schedule", superuser)
    with committed_once_somebody_waits(mailing.delete):
        run_schedule()
    assert Mailing.objects.get().status == "sending"
    assert set(Delivery.objects.values_list("mailing", flat=True)) == {other.pk}


def test_the_frozen_content_of_what_was_launched_holds_it_in_the_database(mailing: Mailing, superuser: User) -> None:
    change_status(mailing.pk, "start", superuser)
    AuditEntry.objects.filter(mailing=mailing).delete()
    MailingCount.objects.filter(mailing=mailing).delete()
    launched = Mailing.objects.filter(pk=mailing.pk)
    with pytest.raises(IntegrityError):
        launched._raw_delete(launched.db)
