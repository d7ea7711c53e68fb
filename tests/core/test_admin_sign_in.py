"""The admin site has no door of its own."""

from __future__ import annotations

import pytest
from django.test import Client

from core.models import User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


def test_the_admin_leads_to_the_one_sign_in_and_back(client: Client, superuser: User) -> None:
    response = client.get("/admin/", follow=True)
    assert response.redirect_chain[-1][0].startswith("/account/login/?next=")
    form = {"login": superuser.email, "password": PASSWORD, "next": response.context["redirect_field_value"]}
    assert client.post("/account/login/", form, follow=True).redirect_chain[-1] == ("/admin/", 302)


def test_a_password_is_not_taken_at_the_admins_own_form(client: Client, superuser: User) -> None:
    response = client.post("/admin/login/", {"username": superuser.email, "password": PASSWORD})
    assert response["Location"].startswith("/account/login/")
    assert "_auth_user_id" not in client.session


def test_whoever_may_not_open_it_is_told_so(client: Client, owner: User) -> None:
    client.force_login(owner)
    response = client.get("/admin/", follow=True)
    assert response.status_code == 403
    assert "Your account may not open this page" in response.content.decode()
