"""A draft that is deleted while it is launched: one of the two comes first, and the other does nothing.

No foreign key of a delivery would tell: docs/decisions/0013.
"""

from __future__ import annotations

import pytest
from django.db import IntegrityError
from django.test import Client

from core.models import User
from mailer.delivery.audit import audit_mailing
from mailer.delivery.schedule import run_schedule
from mailer.delivery.transitions import change_status
from mailer.models import AuditEntry, Delivery, Mailing, MailingContent, MailingCount
from tests.support.mailings import make_crowd, make_mailing
from tests.support.waiting import committed_once_somebody_waits, with_many_writers

pytestmark = pytest.mark.django_db(transaction=True)

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
