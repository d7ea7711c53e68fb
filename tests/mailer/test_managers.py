"""Managers see everybody's mail, may stop it, and change nothing of it."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from core.models import User
from mailer.delivery.transitions import change_status
from mailer.models import AuditEntry, Mailing
from tests.support.mailings import make_mailing, make_recipients

pytestmark = pytest.mark.django_db


@pytest.fixture
def mailing(owner: User) -> Mailing:
    make_recipients(owner, "ana@example.com", "ben@example.com")
    return make_mailing(owner, subject="Autumn news")


@pytest.fixture
def page(client: Client, manager: User) -> Client:
    client.force_login(manager)
    return client


@pytest.mark.parametrize("kind", ["mailings", "messages", "recipients"])
def test_a_list_shows_ones_own_and_everybodys_where_asked(
    page: Client, mailing: Mailing, owner: User, kind: str
) -> None:
    own = page.get(f"/{kind}/")
    assert (own.context["whose"], own.context["page"].rows) == ("mine", [])
    everybody = page.get(f"/{kind}/?whose=everybody")
    assert len(everybody.context["page"].rows) == (2 if kind == "recipients" else 1)
    assert owner.email in everybody.content.decode()
    searched = page.get(f"/{kind}/?whose=everybody&q=nothing-of-the-kind")
    assert searched.context["page"].rows == []
    assert 'name="whose" value="everybody"' in searched.content.decode()


@pytest.mark.parametrize("kind", ["mailings", "messages", "recipients"])
def test_others_have_no_such_choice(client: Client, mailing: Mailing, stranger: User, kind: str) -> None:
    client.force_login(stranger)
    response = client.get(f"/{kind}/?whose=everybody")
    assert (response.context["whose"], response.context["page"].rows) == ("", [])
    assert 'href="?whose=everybody"' not in response.content.decode()


def test_they_see_a_mailing_with_its_ledger(page: Client, mailing: Mailing, owner: User) -> None:
    change_status(mailing.pk, "start", owner)
    delivery = mailing.deliveries.first()
    assert delivery
    for path in ("", "deliveries/", f"deliveries/{delivery.pk}/", "attempts/"):
        assert page.get(f"/mailings/{mailing.pk}/{path}").status_code == 200
    shown = page.get(f"/mailings/{mailing.pk}/").content.decode()
    assert f"Belongs to {owner}" in shown
    assert "/duplicate/" not in shown


@pytest.mark.parametrize("action", ["pause", "cancel"])
def test_they_stop_anybodys_mailing_and_it_is_audited(
    page: Client, mailing: Mailing, owner: User, manager: User, action: str
) -> None:
    change_status(mailing.pk, "start", owner)
    assert f"/mailings/{mailing.pk}/{action}/" in page.get(f"/mailings/{mailing.pk}/").content.decode()
    page.post(f"/mailings/{mailing.pk}/{action}/")
    mailing.refresh_from_db()
    assert mailing.status in ("paused", "cancelled")
    assert AuditEntry.objects.get(mailing=mailing, action=action).actor == manager


@pytest.mark.parametrize("action", ["resume", "start", "schedule", "edit", "delete", "duplicate", "audience"])
def test_they_may_do_nothing_else_to_it(page: Client, mailing: Mailing, action: str) -> None:
    assert f"/{action}/" not in page.get(f"/mailings/{mailing.pk}/").content.decode()
    assert page.post(f"/mailings/{mailing.pk}/{action}/").status_code == 404


def test_seeing_is_not_stopping(client: Client, mailing: Mailing, owner: User, stranger: User) -> None:
    stranger.user_permissions.add(Permission.objects.get(codename="view_mailing"))
    client.force_login(stranger)
    change_status(mailing.pk, "start", owner)
    assert client.get(f"/mailings/{mailing.pk}/").status_code == 200
    assert client.post(f"/mailings/{mailing.pk}/pause/").status_code == 404


@pytest.mark.parametrize("kind", ["messages", "recipients"])
def test_they_read_contents_and_change_none(page: Client, mailing: Mailing, owner: User, kind: str) -> None:
    pk = mailing.message_id if kind == "messages" else owner.recipients.all()[0].pk
    shown = page.get(f"/{kind}/{pk}/")
    assert shown.status_code == 200
    assert f"/{kind}/{pk}/edit/" not in shown.content.decode()
    for action in ("edit", "delete"):
        assert page.get(f"/{kind}/{pk}/{action}/").status_code == 404
        assert page.post(f"/{kind}/{pk}/{action}/").status_code == 404
