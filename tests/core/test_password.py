"""A forgotten password, and a new one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.test import Client

from core.models import User
from tests.conftest import PASSWORD
from tests.support.mails import html_of, last_mail, path_in, sent_mails

pytestmark = pytest.mark.django_db

RESET = "/account/password/reset/"
KEY = "/account/password/reset/key/"
CHOSEN = "Xq7-plum-violet-91"


def reset_link(client: Client, email: str) -> str:
    assert client.post(RESET, {"email": email})["Location"] == "/account/password/reset/done/"
    return path_in(last_mail(email.lower()), KEY)


def set_password(client: Client, link: str) -> Any:
    form_page = client.get(link, follow=True)
    return client.post(form_page.request["PATH_INFO"], {"password1": CHOSEN, "password2": CHOSEN})


def can_sign_in(email: str, password: str) -> bool:
    return "Location" in Client().post("/account/login/", {"login": email, "password": password})


def test_a_forgotten_password_is_set_anew_by_a_link(client: Client, owner: User) -> None:
    response = set_password(client, reset_link(client, "Owner@Example.com"))
    assert response["Location"] == "/account/password/reset/key/done/"
    assert (can_sign_in(owner.email, CHOSEN), can_sign_in(owner.email, PASSWORD)) == (True, False)
    assert last_mail(owner.email).subject == "Your password was changed"


def test_opening_the_link_changes_nothing(client: Client, owner: User) -> None:
    link = reset_link(client, owner.email)
    for _ in range(3):
        Client().get(link, follow=True)
    assert can_sign_in(owner.email, PASSWORD)


def test_a_used_link_says_so(client: Client, owner: User) -> None:
    link = reset_link(client, owner.email)
    set_password(client, link)
    for browser in (client, Client()):
        response = browser.get(link, follow=True)
        assert response.status_code == 200
        assert "This link does not work" in response.content.decode()
        assert "This link does not work" in set_password(browser, link).content.decode()


@pytest.mark.parametrize("key", ["1-abc", "zzzzzzzzzzzzz-abc", "0-set-password", "a-b-c", "1-%00"])
def test_a_wrong_link_is_told_what_to_do(client: Client, owner: User, key: str) -> None:
    for response in (client.get(f"{KEY}{key}/"), client.post(f"{KEY}{key}/", {"password1": CHOSEN})):
        assert response.status_code == 200
        assert "This link does not work" in response.content.decode()


def test_an_old_link_is_told_what_to_do(client: Client, owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    link = reset_link(client, owner.email)
    later = datetime.now() + timedelta(days=3, minutes=1)
    monkeypatch.setattr(PasswordResetTokenGenerator, "_now", lambda self: later)
    assert "This link does not work" in client.get(link).content.decode()


def test_an_unknown_address_looks_the_same_and_its_owner_is_told(client: Client) -> None:
    assert client.post(RESET, {"email": "nobody@example.com"})["Location"] == "/account/password/reset/done/"
    assert last_mail("nobody@example.com").subject == "There is no account with this address"


def test_whoever_has_the_mailbox_has_confirmed_the_address(client: Client, owner: User) -> None:
    EmailAddress.objects.update(verified=False)
    set_password(client, reset_link(client, owner.email))
    assert can_sign_in(owner.email, CHOSEN)


@pytest.mark.parametrize("address", [RESET, "/account/signup/", "/account/confirm-email/resend/"])
def test_a_blocked_account_stays_blocked_and_is_told_so(client: Client, owner: User, address: str) -> None:
    User.objects.update(is_active=False)
    client.post(address, {"email": owner.email.upper(), "password1": CHOSEN, "password2": CHOSEN})
    told = last_mail(owner.email)
    assert told.subject == "Your account is blocked"
    for text in (str(told.body), html_of(told)):
        assert "Please turn to them" in text
        assert "/account/" not in text


def test_changing_it_needs_the_old_one(client: Client, owner: User) -> None:
    client.force_login(owner)
    form = {"oldpassword": "wrong", "password1": CHOSEN, "password2": CHOSEN}
    response = client.post("/account/password/change/", form)
    assert response.context["form"].errors.keys() == {"oldpassword"}
    client.post("/account/password/change/", form | {"oldpassword": PASSWORD})
    assert can_sign_in(owner.email, CHOSEN)
    assert [mail.subject for mail in sent_mails()] == ["Your password was changed"]
