"""A superuser invites by mail; the link lets its address sign up, open registration or not."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.core import signing
from django.test import Client

from core.invitations import SALT, invitation_path
from core.models import User
from tests.support.mails import html_of, last_mail, path_in, sent_mails

pytestmark = pytest.mark.django_db

INVITE = "/account/invite/"
SIGN_UP = "/account/signup/"
GUEST = "guest@example.com"
CHOSEN = "Xq7-plum-violet-91"
PASSWORDS = {"password1": CHOSEN, "password2": CHOSEN}


@pytest.fixture(params=[True, False], ids=["open", "closed"], autouse=True)
def registration(request: pytest.FixtureRequest, settings: Any) -> None:
    settings.SIGNUP_ENABLED = request.param


def invite(superuser: User, address: str = GUEST) -> Any:
    client = Client()
    client.force_login(superuser)
    return client.post(INVITE, {"email": address}, follow=True)


def test_whoever_is_invited_signs_up_and_is_in(client: Client, superuser: User) -> None:
    page = invite(superuser, "Guest@Example.com").content.decode()
    assert "is on its way to guest@example.com" in page
    sent = last_mail(GUEST)
    assert superuser.email in sent.body
    assert superuser.email in html_of(sent)
    page = client.get(path_in(sent, "/account/invitation/"), follow=True).content.decode()
    assert f'value="{GUEST}"' in page
    assert client.post(SIGN_UP, PASSWORDS)["Location"] == "/"
    assert client.get("/").status_code == 200
    assert Client().post("/account/login/", {"login": GUEST, "password": CHOSEN})["Location"] == "/"
    assert len(sent_mails()) == 1


def test_the_address_cannot_be_changed_for_another(client: Client, superuser: User) -> None:
    client.get(invitation_path(GUEST))
    client.post(SIGN_UP, {"email": "other@example.com", **PASSWORDS})
    assert set(User.objects.values_list("email", flat=True)) == {superuser.email, GUEST}


def test_opening_the_link_changes_nothing_for_others(client: Client) -> None:
    client.get(invitation_path(GUEST))
    assert not User.objects.exists()
    assert GUEST not in Client().get(SIGN_UP).content.decode()


def test_a_used_invitation_says_so(client: Client) -> None:
    link = invitation_path(GUEST)
    client.get(link)
    client.post(SIGN_UP, PASSWORDS)
    client.post("/account/logout/")
    response = client.get(link)
    assert response.status_code == 410
    assert "has an account already" in response.content.decode()


def test_one_form_signs_up_once(client: Client) -> None:
    client.get(invitation_path(GUEST))
    client.post(SIGN_UP, PASSWORDS)
    assert client.post(SIGN_UP, PASSWORDS)["Location"] == "/"
    assert User.objects.count() == 1


def test_an_old_invitation_says_so(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    link = invitation_path(GUEST)
    later = time.time() + 7 * 24 * 3600 + 60
    monkeypatch.setattr("time.time", lambda: later)
    assert "Ask the person who invited you" in client.get(link).content.decode()


@pytest.mark.parametrize(
    "token",
    ["abc", signing.dumps(GUEST, salt="another"), signing.dumps(GUEST, key="x", salt=SALT)],
    ids=["nonsense", "signed for something else", "signed with another key"],
)
def test_a_forged_invitation_opens_nothing(client: Client, settings: Any, token: str) -> None:
    settings.SIGNUP_ENABLED = False
    response = client.get(f"/account/invitation/{token}/")
    assert response.status_code == 410
    assert "Ask the person who invited you" in response.content.decode()
    assert "by invitation only" in client.get(SIGN_UP).content.decode()


@pytest.mark.parametrize("typed", ["owner@example.com", "OWNER@example.com", "no address"])
def test_who_has_an_account_is_not_invited(superuser: User, owner: User, typed: str) -> None:
    response = invite(superuser, typed)
    assert response.context["form"].errors.keys() == {"email"}
    assert sent_mails() == []


def test_superusers_alone_invite(client: Client, owner: User, manager: User) -> None:
    assert client.get(INVITE)["Location"].startswith("/account/login/")
    for user in (owner, manager):
        client.force_login(user)
        assert client.get(INVITE).status_code == 404
        assert client.post(INVITE, {"email": GUEST}).status_code == 404
        assert INVITE not in client.get("/").content.decode()
    assert sent_mails() == []


def test_whoever_is_signed_in_keeps_their_account(client: Client, owner: User) -> None:
    client.force_login(owner)
    page = client.get(invitation_path(GUEST), follow=True).content.decode()
    assert "sign out first" in page
    assert "account_verified_email" not in client.session
