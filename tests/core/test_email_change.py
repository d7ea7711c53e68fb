"""An account goes over to a new address once that is confirmed; the old one is told."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.test import Client

from core.models import User
from tests.conftest import PASSWORD
from tests.support.mails import last_mail, path_in, sent_mails

pytestmark = pytest.mark.django_db

EMAIL = "/account/email/"
CONFIRM = "/account/confirm-email/"
NEW = "new@example.com"


@pytest.fixture
def signed_in_owner(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


def change(client: Client, email: str = NEW) -> Any:
    """Ask for the change, and type the password that is asked for."""
    response = client.post(EMAIL, {"action_add": "", "email": email})
    if "/reauthenticate/" in response.headers.get("Location", ""):
        form = {"password": PASSWORD, "next": EMAIL}
        response = client.post(response["Location"], form)
    return response


def can_sign_in(email: str) -> bool:
    return "Location" in Client().post("/account/login/", {"login": email, "password": PASSWORD})


def test_the_new_address_counts_once_it_is_confirmed(signed_in_owner: Client, owner: User) -> None:
    assert change(signed_in_owner)["Location"] == EMAIL
    assert (can_sign_in(owner.email), can_sign_in(NEW)) == (True, False)
    page = signed_in_owner.get(EMAIL).content.decode()
    assert f"goes over to <strong>{NEW}</strong>" in page
    assert signed_in_owner.post(path_in(last_mail(NEW), CONFIRM))["Location"] == EMAIL
    assert (can_sign_in(owner.email), can_sign_in(NEW)) == (False, True)
    assert User.objects.get(pk=owner.pk).email == NEW
    assert list(EmailAddress.objects.values_list("email", "verified", "primary")) == [(NEW, True, True)]


def test_the_old_address_is_told(signed_in_owner: Client, owner: User) -> None:
    change(signed_in_owner)
    signed_in_owner.post(path_in(last_mail(NEW), CONFIRM))
    told = last_mail(owner.email)
    assert told.subject == "Your account has a new email address"
    assert NEW in told.body


def test_it_asks_for_the_password_first(signed_in_owner: Client) -> None:
    response = signed_in_owner.post(EMAIL, {"action_add": "", "email": NEW})
    assert response["Location"] == "/account/reauthenticate/?next=%2Faccount%2Femail%2F"
    page = signed_in_owner.get(response["Location"]).content.decode()
    assert "Is it you?" in page
    signed_in_owner.post(response["Location"], {"password": "wrong", "next": EMAIL})
    assert not EmailAddress.objects.filter(email=NEW).exists()


def test_the_mail_is_sent_again_and_the_change_cancelled(signed_in_owner: Client, owner: User) -> None:
    change(signed_in_owner)
    link = path_in(last_mail(NEW), CONFIRM)
    signed_in_owner.post(EMAIL, {"action_send": "", "email": NEW})
    assert len(sent_mails()) == 2
    signed_in_owner.post(EMAIL, {"action_remove": "", "email": NEW})
    assert "This link does not work" in signed_in_owner.post(link).content.decode()
    assert User.objects.get(pk=owner.pk).email == owner.email


@pytest.mark.parametrize("is_confirmed", [True, False])
def test_an_address_of_another_account_is_not_told_and_not_taken(
    signed_in_owner: Client, owner: User, stranger: User, is_confirmed: bool
) -> None:
    EmailAddress.objects.filter(user=stranger).update(verified=is_confirmed)
    assert change(signed_in_owner, "Stranger@example.com")["Location"] == EMAIL
    link = path_in(last_mail(stranger.email), CONFIRM)
    response = signed_in_owner.post(link, follow=True)
    assert response.status_code == 200
    assert "belongs to another account" in response.content.decode()
    assert User.objects.get(pk=owner.pk).email == owner.email


def test_an_address_that_another_wants_keeps_nobody_from_signing_up(signed_in_owner: Client) -> None:
    change(signed_in_owner)
    form = {"email": NEW, "password1": "Xq7-plum-violet-91", "password2": "Xq7-plum-violet-91"}
    Client().post("/account/signup/", form)
    assert Client().post(path_in(last_mail(NEW), CONFIRM)).status_code == 302
    Client().post("/account/password/reset/", {"email": NEW})
    assert User.objects.get(email=NEW).emailaddress_set.get().verified


def test_a_new_address_gets_no_link_to_the_account_before_it_is_confirmed(signed_in_owner: Client) -> None:
    change(signed_in_owner)
    Client().post("/account/password/reset/", {"email": NEW})
    assert last_mail(NEW).subject == "There is no account with this address"
