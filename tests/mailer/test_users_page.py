from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from core.models import User
from tests.support.mailings import make_mailing

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client: Client, manager: User) -> Client:
    client.force_login(manager)
    return client


def emails(page: Client, query: str) -> list[str]:
    return [user.email for user in page.get(f"/users/{query}").context["page"].rows]


def test_it_lists_searches_and_filters(page: Client, owner: User, stranger: User, superuser: User) -> None:
    User.objects.filter(pk=stranger.pk).update(sending_allowed_at=None)
    User.objects.filter(pk=owner.pk).update(is_active=False)
    User.objects.filter(pk=superuser.pk).update(sending_allowed_at=None)
    assert set(emails(page, "")) == {
        "owner@example.com",
        "stranger@example.com",
        "manager@example.com",
        "superuser@example.com",
    }
    assert emails(page, "?q=olga") == ["owner@example.com"]
    assert emails(page, "?kind=blocked") == ["owner@example.com"]
    assert emails(page, "?kind=new") == ["stranger@example.com"]


def test_it_is_there_for_managers_and_superusers_alone(client: Client, owner: User, superuser: User) -> None:
    client.force_login(owner)
    assert client.get("/users/").status_code == 404
    assert client.get(f"/users/{owner.pk}/").status_code == 404
    assert client.post(f"/users/{owner.pk}/block/").status_code == 404
    assert "/users/" not in client.get("/mailings/").content.decode()
    client.force_login(superuser)
    assert client.get("/users/").status_code == 200
    assert "/users/" in client.get("/mailings/").content.decode()


def test_each_act_takes_its_own_permission(client: Client, owner: User, stranger: User) -> None:
    User.objects.filter(pk=stranger.pk).update(sending_allowed_at=None)
    for codename in ("view_user", "allow_user"):
        owner.user_permissions.add(Permission.objects.get(codename=codename))
    client.force_login(owner)
    assert client.get(f"/users/{stranger.pk}/").context["acts"] == ["allow"]
    assert client.post(f"/users/{stranger.pk}/block/").status_code == 404
    assert client.post(f"/users/{stranger.pk}/allow/").status_code == 302
    stranger.refresh_from_db()
    assert stranger.sending_allowed_at
    assert stranger.is_active


def test_a_users_page_tells_who_did_what(page: Client, owner: User, manager: User) -> None:
    make_mailing(owner, subject="Autumn news")
    page.post(f"/users/{owner.pk}/block/")
    shown = page.get(f"/users/{owner.pk}/").content.decode()
    assert "Autumn news" in shown
    assert "Blocked" in shown
    assert str(manager) in shown
    assert "Unblock" in shown


@pytest.mark.parametrize("path", ["999999/", "999999/block/", "1/promote/"])
def test_what_is_not_there_is_a_404(page: Client, path: str) -> None:
    assert page.post(f"/users/{path}").status_code in (404, 405)


def test_a_get_changes_nobody(page: Client, owner: User) -> None:
    assert page.get(f"/users/{owner.pk}/block/").status_code == 405
    owner.refresh_from_db()
    assert owner.is_active
