"""People without an account, and how they come to have one."""

from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import aauthenticate
from django.test import Client

from core.models import User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

SIGN_IN = "/account/login/"


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
        "confirm-email/resend/",
        "invitation/abc/",
        "inactive/",
    ],
)
def test_whoever_has_no_account_yet_sees_these_pages_in_our_design(client: Client, page: str) -> None:
    content = client.get(f"/account/{page}").content.decode()
    assert "core/app.css" in content
    assert 'class="container py-4 entrance"' in content


@pytest.mark.parametrize("next_page", ["http://[", "//[", "http://[x]", "http://a]b"])
def test_where_to_go_next_may_be_nonsense(client: Client, owner: User, next_page: str) -> None:
    for page in ("login/", "signup/", "password/reset/", "confirm-email/resend/"):
        assert client.get(f"/account/{page}", {"next": next_page}).status_code == 200
        assert client.post(f"/account/{page}", {"next": next_page}).status_code in (200, 302)
    answer = client.post(SIGN_IN, {"login": owner.email, "password": PASSWORD, "next": next_page})
    assert answer["Location"] == "/"
    assert client.get("/account/reauthenticate/", {"next": next_page}).status_code in (200, 302)


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
        assert "The email address or the password is wrong, or the address is not confirmed yet." in content


def test_a_form_without_its_token_is_refused_and_says_what_to_do(owner: User) -> None:
    response = Client(enforce_csrf_checks=True).post(SIGN_IN, {"login": owner.email, "password": PASSWORD})
    page = response.content.decode()
    assert response.status_code == 403
    assert "Please try again" in page
    assert "go back in this one and send it again" in page
    assert 'href="/account/login/" target="_blank"' in page
    assert 'action="/language/"' in page
    assert "csrftoken" in response.cookies  # with which it works when it is sent again


def test_signing_out_takes_a_post(client: Client, owner: User) -> None:
    client.force_login(owner)
    client.get("/account/logout/")
    assert client.get("/mailings/").status_code == 200
    client.post("/account/logout/")
    assert client.get("/mailings/")["Location"] == f"{SIGN_IN}?next=/mailings/"


def test_a_blocked_account_is_told_so_after_the_right_password_alone(client: Client, owner: User) -> None:
    User.objects.filter(pk=owner.pk).update(is_active=False)
    wrong = client.post(SIGN_IN, {"login": owner.email, "password": "wrong"})
    assert "is wrong" in wrong.content.decode()
    right = client.post(SIGN_IN, {"login": owner.email, "password": PASSWORD}, follow=True)
    assert right.redirect_chain == [("/account/inactive/", 302)]
    assert "Your account is blocked" in right.content.decode()
    assert "_auth_user_id" not in client.session


async def test_signing_in_without_a_page_knows_the_same_accounts(owner: User) -> None:
    assert await aauthenticate(None, username=owner.email, password=PASSWORD) == owner
    await EmailAddress.objects.aupdate(verified=False)
    assert await aauthenticate(None, username=owner.email, password=PASSWORD) is None


def test_ways_to_sign_in_that_are_not_ours_lead_nowhere(client: Client) -> None:
    assert client.get("/account/login/code/confirm/")["Location"] == SIGN_IN
    assert client.get("/account/password/set/")["Location"].startswith(SIGN_IN)
    assert client.get("/account/login/code/").status_code == 404


def test_a_missing_page_is_a_404_for_everyone(client: Client, owner: User) -> None:
    assert "There is nothing here" in client.get("/nope/").content.decode()
    client.force_login(owner)
    response = client.get("/nope/")
    assert response.status_code == 404
    assert owner.email in response.content.decode()
