"""A recipient who is deleted while a mailing to them is launched: one waits for the other, and both succeed."""

from __future__ import annotations

import pytest
from django.test import Client

from core.models import User
from mailer.audience import choose
from mailer.delivery.audit import audit_mailing
from mailer.delivery.schedule import run_schedule
from mailer.delivery.transitions import change_status
from mailer.models import Delivery, Mailing, Recipient
from tests.support.mailings import make_mailing, make_recipients, states
from tests.support.waiting import committed_once_somebody_waits, deadlocked_with, lock_delivery, with_many_writers

pytestmark = [pytest.mark.django_db(transaction=True), with_many_writers]

ANA, BEN = "ana@example.com", "ben@example.com"
PAGES = ["/recipients/{}/delete/", "/admin/mailer/recipient/{}/delete/"]


@pytest.fixture
def ana(superuser: User) -> Recipient:
    return make_recipients(superuser, ANA, BEN)[0]


@pytest.fixture
def mailing(superuser: User, ana: Recipient) -> Mailing:
    return make_mailing(superuser)


@pytest.fixture
def page(superuser: User) -> Client:
    client = Client()
    client.force_login(superuser)
    return client


@pytest.mark.parametrize("address", PAGES, ids=["page", "admin"])
def test_who_is_launched_to_first_keeps_the_delivery(
    mailing: Mailing, ana: Recipient, superuser: User, page: Client, address: str
) -> None:
    with committed_once_somebody_waits(lambda: change_status(mailing.pk, "start", superuser)):
        assert page.post(address.format(ana.pk), {"post": "yes"}).status_code == 302
    assert not Recipient.objects.filter(pk=ana.pk).exists()
    assert states(mailing) == {ANA: "queued", BEN: "queued"}
    assert Delivery.objects.get(email=ANA).recipient is None
    assert [check for check in audit_mailing(mailing.pk) if not check.ok] == []


def test_who_is_deleted_first_gets_none(mailing: Mailing, ana: Recipient, superuser: User) -> None:
    with committed_once_somebody_waits(ana.delete):
        change_status(mailing.pk, "start", superuser)
    assert states(mailing) == {BEN: "queued"}
    assert [check for check in audit_mailing(mailing.pk) if not check.ok] == []


def test_who_is_deleted_when_its_time_has_come_does_not_stop_the_clock(
    mailing: Mailing, ana: Recipient, superuser: User
) -> None:
    change_status(mailing.pk, "schedule", superuser)
    with committed_once_somebody_waits(ana.delete):
        run_schedule()
    assert states(mailing) == {BEN: "queued"}


@pytest.mark.parametrize("address", PAGES, ids=["page", "admin"])
def test_who_is_chosen_first_is_deleted_all_the_same(
    mailing: Mailing, ana: Recipient, page: Client, address: str
) -> None:
    meant = Recipient.objects.filter(pk=ana.pk)
    with committed_once_somebody_waits(lambda: choose(mailing.pk, meant)):
        assert page.post(address.format(ana.pk), {"post": "yes"}).status_code == 302
    assert not mailing.recipients.exists()


@pytest.mark.parametrize("address", PAGES, ids=["page", "admin"])
def test_it_is_done_again_where_it_and_a_recorder_have_waited_for_one_another(
    mailing: Mailing, ana: Recipient, superuser: User, page: Client, address: str
) -> None:
    for pk in (mailing.pk, make_mailing(superuser).pk):
        change_status(pk, "start", superuser)
    first, last = ana.deliveries.order_by("pk").values_list("pk", flat=True)
    # A recorder's batch may have both, in any order.
    with deadlocked_with(lambda: lock_delivery(last), then=lambda: lock_delivery(first)):
        assert page.post(address.format(ana.pk), {"post": "yes"}).status_code == 302
    assert set(Delivery.objects.filter(email=ANA).values_list("recipient", flat=True)) == {None}
