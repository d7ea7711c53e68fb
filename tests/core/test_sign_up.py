"""A new account: the confirmation mail, its link, and what else may come of it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.cache import cache
from django.db import connection
from django.test import Client

from core.models import User
from tests.conftest import PASSWORD
from tests.support.mails import last_mail, path_in

pytestmark = pytest.mark.django_db

SIGN_UP = "/account/signup/"
SIGN_IN = "/account/login/"
SENT = "/account/confirm-email/"
RESEND = "/account/confirm-email/resend/"
NEW = "new@example.com"
CHOSEN = "Xq7-plum-violet-91"


def sign_up(client: Client, email: str = NEW) -> Any:
    return client.post(SIGN_UP, {"email": email, "password1": CHOSEN, "password2": CHOSEN})


def sign_in(client: Client, email: str = NEW) -> Any:
    return client.post(SIGN_IN, {"login": email, "password": CHOSEN})


def link_for(email: str) -> str:
    return path_in(last_mail(email), SENT)


def test_a_new_account_works_once_its_address_is_confirmed(client: Client) -> None:
    assert sign_up(client)["Location"] == SENT
    assert NEW in client.get(SENT).content.decode()
    assert "is not confirmed yet" in sign_in(client).content.decode()
    link = link_for(NEW)
    assert NEW in client.get(link).content.decode()
    assert client.post(link)["Location"] == SIGN_IN
    assert sign_in(client)["Location"] == "/"


def test_a_mail_scanner_that_opens_the_link_confirms_nothing(client: Client) -> None:
    sign_up(client)
    for _ in range(3):
        assert Client().get(link_for(NEW)).status_code == 200
        assert Client().head(link_for(NEW)).status_code == 200
    assert not EmailAddress.objects.get(email=NEW).verified


def test_opening_somebody_elses_link_signs_nobody_out(client: Client, owner: User) -> None:
    sign_up(Client())
    client.force_login(owner)
    client.get(link_for(NEW))
    assert client.get("/settings/").status_code == 200
    client.post(link_for(NEW))
    assert EmailAddress.objects.get(email=NEW).verified
    assert client.get("/settings/").status_code == 302


def test_a_second_click_says_that_the_link_has_done_its_work(client: Client) -> None:
    sign_up(client)
    client.post(link_for(NEW))
    for response in (client.get(link_for(NEW)), client.post(link_for(NEW))):
        assert response.status_code == 200
        assert "is confirmed already" in response.content.decode()


@pytest.mark.parametrize("way", ["get", "post"])
@pytest.mark.parametrize("key", ["abc", "MQ:1:forged", "-", "MQ:1vN:" + "x" * 43])
def test_a_link_that_is_wrong_is_told_what_to_do(client: Client, way: str, key: str) -> None:
    response = getattr(client, way)(f"{SENT}{key}/")
    assert response.status_code == 200
    assert "This link does not work" in response.content.decode()
    assert RESEND in response.content.decode()


def test_a_link_that_is_too_old_is_told_what_to_do(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_up(client)
    later = time.time() + timedelta(days=3, minutes=1).total_seconds()
    monkeypatch.setattr("time.time", lambda: later)
    assert "This link does not work" in client.post(link_for(NEW)).content.decode()
    assert not EmailAddress.objects.get(email=NEW).verified


@pytest.mark.parametrize("typed", ["owner@example.com", "OWNER@Example.COM"])
def test_a_taken_address_looks_like_a_free_one_and_its_owner_is_told(client: Client, owner: User, typed: str) -> None:
    assert sign_up(client, typed)["Location"] == SENT
    assert "owner@example.com" in client.get(SENT).content.decode()
    assert User.objects.count() == 1
    assert last_mail(owner.email).subject == "You have an account already"
    assert owner.check_password(PASSWORD)


class MeetingHasher(MD5PasswordHasher):
    """Two sign-ups meet here: both have found the address free, and neither has saved."""

    meeting = threading.Barrier(2)

    def encode(self, password: str, salt: str) -> str:
        self.meeting.wait(30)
        return super().encode(password, salt)


@pytest.mark.django_db(transaction=True)
def test_the_same_form_sent_twice_at_once_makes_one_account(settings: Any) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.MeetingHasher"]
    cache.clear()

    def answer() -> str:
        with closing(connection):
            return str(sign_up(Client())["Location"])

    with ThreadPoolExecutor(2) as threads:
        answers = [threads.submit(answer) for _ in range(2)]
        assert [future.result() for future in answers] == [SENT, SENT]
    assert User.objects.filter(email=NEW).count() == 1


def test_an_address_is_kept_in_small_letters(client: Client) -> None:
    sign_up(client, "New@Example.COM")
    client.post(link_for(NEW))
    assert sign_in(client, "NEW@example.com")["Location"] == "/"


def test_a_weak_password_is_refused_at_its_field(client: Client) -> None:
    response = client.post(SIGN_UP, {"email": NEW, "password1": "12345678", "password2": "12345678"})
    assert response.context["form"].errors.keys() == {"password1"}
    assert not User.objects.exists()


def test_registration_can_be_closed(client: Client, settings: Any) -> None:
    settings.SIGNUP_ENABLED = False
    assert "by invitation only" in client.get(SIGN_UP).content.decode()
    sign_up(client)
    assert not User.objects.exists()
    assert SIGN_UP not in client.get(SIGN_IN).content.decode()
    client.post(RESEND, {"email": NEW})
    assert SIGN_UP not in str(last_mail(NEW).body)
