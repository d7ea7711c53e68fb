"""Accounts in the admin."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core.admin import deletion
from core.models import User
from mailer.models import Delivery, Recipient
from tests.conftest import PASSWORD
from tests.support.mailings import make_crowd, make_mailing

pytestmark = pytest.mark.django_db

NEW = "Xq7-plum-violet-91"
USERS = "/admin/core/user/"


@pytest.fixture
def page(superuser: User, client: Client) -> Client:
    client.force_login(superuser)
    return client


@pytest.fixture
def helper(owner: User, client: Client, make_user: Any) -> Client:
    """Staff who may do everything with users, and is no superuser."""
    user = make_user("helper@example.com", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__app_label__in=["core", "account"]))
    client.force_login(user)
    return client


def errors_of(response: Any) -> Any:
    assert response.status_code == 200
    return response.context["adminform"].form.errors


def test_an_account_is_made_with_its_password_typed_twice(page: Client) -> None:
    form = {"email": "new@Example.COM", "full_name": "Nina", "usable_password": "true", "password1": NEW}
    assert "password2" in errors_of(page.post(f"{USERS}add/", form | {"password2": "other"}))
    assert page.post(f"{USERS}add/", form | {"password2": NEW}).status_code == 302
    user = User.objects.get(email="new@example.com")
    assert (user.full_name, user.is_staff, user.check_password(NEW)) == ("Nina", False, True)


def test_a_password_is_changed(page: Client, owner: User) -> None:
    form = {"password1": NEW, "password2": NEW, "usable_password": "true", "set-password": "1"}
    assert page.get(f"{USERS}{owner.pk}/password/").status_code == 200
    assert page.post(f"{USERS}{owner.pk}/password/", form).status_code == 302
    owner.refresh_from_db()
    assert owner.check_password(NEW)


def test_an_address_that_is_taken_in_other_capitals_is_an_error_at_the_field(
    page: Client, owner: User, stranger: User
) -> None:
    form = {"email": "OWNER@example.com", "usable_password": "true", "password1": NEW, "password2": NEW}
    for path in (f"{USERS}add/", f"{USERS}{stranger.pk}/change/"):
        assert errors_of(page.post(path, form)) == {"email": ["This address has an account."]}
    assert page.post(f"{USERS}{owner.pk}/change/", {"email": "OWNER@example.com"}).status_code == 302


def test_a_new_address_has_to_be_confirmed(page: Client, owner: User) -> None:
    page.post(f"{USERS}{owner.pk}/change/", {"email": owner.email, "full_name": "Other"})
    assert EmailAddress.objects.filter(user=owner, verified=True).exists()
    page.post(f"{USERS}{owner.pk}/change/", {"email": "moved@example.com"})
    assert not EmailAddress.objects.filter(user=owner).exists()


def test_an_account_is_not_blocked_past_the_record(page: Client, owner: User) -> None:
    content = page.get(f"{USERS}{owner.pk}/change/").content.decode()
    assert "user_permissions" not in content
    assert 'name="is_active"' not in content
    page.post(f"{USERS}{owner.pk}/change/", {"email": owner.email, "is_staff": "on"})
    owner.refresh_from_db()
    assert (owner.is_active, owner.is_staff) == (True, True)


def test_who_is_no_superuser_gives_no_rights(helper: Client, owner: User, superuser: User) -> None:
    form = {"email": owner.email, "full_name": "Changed", "is_staff": "on", "is_superuser": "on"}
    assert helper.post(f"{USERS}{owner.pk}/change/", form).status_code == 302
    owner.refresh_from_db()
    assert (owner.full_name, owner.is_staff, owner.is_superuser) == ("Changed", False, False)
    passwords = {"password1": NEW, "password2": NEW, "usable_password": "true"}
    for path in ("change/", "password/", "delete/"):
        response = helper.post(
            f"{USERS}{superuser.pk}/{path}", passwords | {"email": "mine@example.com", "post": "yes"}
        )
        assert response.status_code == 403
    superuser.refresh_from_db()
    assert superuser.check_password(PASSWORD)


def test_who_sent_mail_is_not_deleted_and_nothing_is_loaded_to_say_so(page: Client, owner: User) -> None:
    make_crowd(owner, 300)
    make_mailing(owner)
    with CaptureQueriesContext(connection) as captured:
        content = page.get(f"{USERS}{owner.pk}/delete/").content.decode()
    assert "Mailings: 1" in content
    assert "Block the account instead" in content
    assert not [
        query["sql"] for query in captured if "full_name" in query["sql"] and "mailer_recipient" in query["sql"]
    ]
    assert "r7@example.com" not in content
    assert page.post(f"{USERS}{owner.pk}/delete/", {"post": "yes"}).status_code == 200
    assert User.objects.filter(pk=owner.pk).exists()


def test_who_sent_none_goes_with_all_their_recipients(
    page: Client, owner: User, stranger: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "BATCH", 3)
    monkeypatch.setattr(deletion, "MOST_COUNTED", 7)
    make_crowd(owner, 10)
    make_crowd(stranger, 2)
    assert "Recipients: 7 or more" in page.get(f"{USERS}{owner.pk}/delete/").content.decode()
    assert page.post(f"{USERS}{owner.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not User.objects.filter(pk=owner.pk).exists()
    assert set(Recipient.objects.values_list("owner", flat=True)) == {stranger.pk}


def test_deleting_needs_the_right_to_delete_what_goes_too(helper: Client, owner: User) -> None:
    make_crowd(owner, 2)
    content = helper.get(f"{USERS}{owner.pk}/delete/").content.decode()
    assert "recipients" in content
    assert helper.post(f"{USERS}{owner.pk}/delete/", {"post": "yes"}).status_code == 403
    assert User.objects.filter(pk=owner.pk).exists()


def test_what_became_protected_meanwhile_is_told(page: Client, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletion, "_related", lambda objects: iter(()))  # as if the mailing came after the look
    make_mailing(owner)
    response = page.post(f"{USERS}{owner.pk}/delete/", {"post": "yes"}, follow=True)
    assert "It is in use" in response.content.decode()
    assert not Delivery.objects.exists()


def test_nobody_is_deleted_in_bulk(page: Client, owner: User) -> None:
    assert "delete_selected" not in page.get(USERS).content.decode()
    page.post(USERS, {"action": "delete_selected", "_selected_action": str(owner.pk), "post": "yes"})
    assert User.objects.filter(pk=owner.pk).exists()


def test_an_owner_is_found_by_typing(page: Client, owner: User) -> None:
    query = {"term": "olga", "app_label": "mailer", "model_name": "recipient", "field_name": "owner"}
    assert page.get("/admin/autocomplete/", query).json()["results"] == [{"id": str(owner.pk), "text": owner.email}]
