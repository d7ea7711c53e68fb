"""Pausing and cancelling from the list of mailings, and the way from a mailing to its ledger."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from core.models import User
from mailer.delivery.ledger import record
from mailer.delivery.transitions import change_status
from mailer.models import AuditEntry, Mailing
from tests.support.admin import queries_of
from tests.support.mailings import counted, make_crowd, make_mailing
from tests.support.results import ACCEPTED, a_worker, claimed, result

pytestmark = pytest.mark.django_db

MAILINGS = "/admin/mailer/mailing/"


@pytest.fixture
def page(superuser: User, client: Client) -> Client:
    client.force_login(superuser)
    return client


@pytest.fixture
def mailing(owner: User) -> Mailing:
    make_crowd(owner, 3)
    return change_status(make_mailing(owner).pk, "start", owner)


def act(client: Client, action: str, *mailings: Mailing) -> Any:
    keys = [str(mailing.pk) for mailing in mailings]
    return client.post(MAILINGS, {"action": action, "_selected_action": keys}, follow=True)


def test_pausing_is_recorded_and_a_refused_one_stops_no_other(
    page: Client, mailing: Mailing, owner: User, superuser: User
) -> None:
    draft = make_mailing(owner, subject="Not yet")
    other = change_status(make_mailing(owner).pk, "start", owner)
    content = act(page, "pause", mailing, draft, other).content.decode()
    assert "2 mailings paused." in content
    assert f"Not yet #{draft.pk}: This mailing is draft" in content
    assert [m.status for m in Mailing.objects.order_by("pk")] == ["paused", "draft", "paused"]
    entries = AuditEntry.objects.filter(action="pause")
    assert {(entry.mailing, entry.actor) for entry in entries} == {(mailing, superuser), (other, superuser)}


def test_cancelling_closes_what_waits(page: Client, mailing: Mailing, superuser: User) -> None:
    assert "1 mailing cancelled." in act(page, "cancel", mailing).content.decode()
    assert counted(mailing) == {"cancelled": 3}
    assert AuditEntry.objects.get(action="cancel").actor == superuser


@pytest.mark.parametrize("right", ["view_mailing", None])
def test_it_needs_the_right_to_change_mailings(client: Client, make_user: Any, mailing: Mailing, right: str) -> None:
    helper = make_user("helper@example.com", is_staff=True)
    helper.user_permissions.set(Permission.objects.filter(codename=right))
    client.force_login(helper)
    act(client, "pause", mailing)
    assert Mailing.objects.get().status == "sending"


def test_a_mailings_deliveries_and_attempts_are_linked_and_not_listed(page: Client, mailing: Mailing) -> None:
    worker = a_worker()
    record(worker, [result(claim, ACCEPTED) for claim in claimed(worker, 1)])
    other = change_status(make_mailing(mailing.owner).pk, "start", mailing.owner)
    path = f"{MAILINGS}{mailing.pk}/change/"
    assert not [query for query in queries_of(page, path) if "mailer_delivery" in query]
    content = page.get(path).content.decode()
    assert "r1@example.com" not in content
    links = dict(re.findall(r'<a href="(/admin/mailer/(?:delivery|attempt)/\?[^"]+)">([^<]+)</a>', content))
    found = {label: page.get(link.replace("&amp;", "&")).context["cl"].result_count for link, label in links.items()}
    assert found == {"Sent: 1": 1, "Queued: 2": 2, "All deliveries": 3, "All attempts": 1}
    assert page.get("/admin/mailer/delivery/").context["cl"].result_count == 6
    assert page.get("/admin/mailer/delivery/", {"q": "R1@Example.com"}).context["cl"].result_count == 2
    assert page.get("/admin/mailer/delivery/", {"q": f"#{other.pk}"}).context["cl"].result_count == 3
    assert page.get("/admin/mailer/attempt/", {"q": "r0@example.com"}).context["cl"].result_count == 1
