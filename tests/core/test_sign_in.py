"""People without an account, and how they come to have one."""

from __future__ import annotations

import re

import pytest
from django.core import mail
from django.test import Client

from core.models import User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

SIGN_IN = "/account/login/"
NEW = "Xq7-plum-violet-91"


@pytest.mark.parametrize(
    "page",
    [
        "login/",
        "signup/",
        "password/reset/",
        "password/reset/done/",
        "password/reset/key/1-abc/",
        "password/reset/key/done/",
        "confirm-email/",
        "confirm-email/abc/",
        "inactive/",
    ],
)
def test_whoever_has_no_account_yet_sees_these_pages_in_our_design(client: Client, page: str) -> None:
    content = client.get(f"/account/{page}").content.decode()
    assert "core/app.css" in content
    assert 'class="container py-4 entrance"' in content


@pytest.mark.parametrize("page", ["email/", "password/change/"])
def test_the_rest_of_an_account_needs_signing_in(client: Client, owner: User, page: str) -> None:
    assert client.get(f"/account/{page}")["Location"] == f"{SIGN_IN}?next=/account/{page}"
    client.force_login(owner)
    assert "core/app.css" in client.get(f"/account/{page}").content.decode()


def test_signing_in_leads_home(client: Client, owner: User) -> None:
    response = client.post(SIGN_IN, {"login": "Owner@Example.com", "password": PASSWORD})
    assert response["Location"] == "/"
    page = client.get("/").content.decode()
    assert owner.email in page
    assert 'action="/account/logout/"' in page


def test_signing_in_leads_where_one_was_going_but_not_to_another_site(client: Client, owner: User) -> None:
    form = {"login": owner.email, "password": PASSWORD}
    assert client.post(SIGN_IN, form | {"next": "/messages/"})["Location"] == "/messages/"
    client.logout()
    assert client.post(SIGN_IN, form | {"next": "https://evil.example/"})["Location"] == "/"


@pytest.mark.parametrize("login", ["owner@example.com", "nobody@example.com", "<script>alert(1)</script>"])
def test_a_wrong_password_is_told_without_telling_who_has_an_account(client: Client, owner: User, login: str) -> None:
    response = client.post(SIGN_IN, {"login": login, "password": "wrong"})
    content = response.content.decode()
    assert response.status_code == 200
    assert "<script>alert" not in content
    assert "_auth_user_id" not in client.session
    if "@" in login:
        assert "The email address and/or password you specified are not correct." in content


def test_a_form_without_its_token_is_refused_and_says_what_to_do(owner: User) -> None:
    response = Client(enforce_csrf_checks=True).post(SIGN_IN, {"login": owner.email, "password": PASSWORD})
    assert response.status_code == 403
    assert "Please try again" in response.content.decode()


def test_signing_out_takes_a_post(client: Client, owner: User) -> None:
    client.force_login(owner)
    client.get("/account/logout/")
    assert client.get("/mailings/").status_code == 200
    client.post("/account/logout/")
    assert client.get("/mailings/")["Location"] == f"{SIGN_IN}?next=/mailings/"


def test_a_new_account_works_once_its_address_is_confirmed(client: Client) -> None:
    client.post("/account/signup/", {"email": "new@example.com", "password1": NEW, "password2": NEW})
    form = {"login": "new@example.com", "password": NEW}
    assert client.post(SIGN_IN, form)["Location"] == "/account/confirm-email/"
    link = re.search(r"/account/confirm-email/\S+/", str(mail.outbox[0].body))
    assert link
    assert "new@example.com" in client.get(link[0]).content.decode()
    client.post(link[0])
    assert client.post(SIGN_IN, form)["Location"] == "/"


def test_a_missing_page_is_a_404_for_everyone(client: Client, owner: User) -> None:
    assert "There is nothing here" in client.get("/nope/").content.decode()
    client.force_login(owner)
    response = client.get("/nope/")
    assert response.status_code == 404
    assert owner.email in response.content.decode()
