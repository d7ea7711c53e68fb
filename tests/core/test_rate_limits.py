"""Guessing and flooding end at a limit, counted in the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client

from core.models import User
from tests.conftest import PASSWORD
from tests.support.mails import sent_mails

SIGN_IN = "/account/login/"
CHOSEN = "Xq7-plum-violet-91"


@pytest.fixture(autouse=True)
def no_counts(db: None) -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def guess(email: str, client: Client | None = None, **extra: Any) -> Any:
    return (client or Client()).post(SIGN_IN, {"login": email, "password": "wrong"}, **extra)


def is_refused(response: Any) -> bool:
    return "Too many wrong passwords" in response.content.decode()


def test_five_wrong_passwords_for_an_address_are_enough(client: Client, owner: User, stranger: User) -> None:
    assert [is_refused(guess(owner.email)) for _ in range(6)] == [False] * 5 + [True]
    assert is_refused(client.post(SIGN_IN, {"login": owner.email, "password": PASSWORD}))
    assert client.post(SIGN_IN, {"login": stranger.email, "password": PASSWORD})["Location"] == "/"


def test_other_capitals_other_machines_and_other_ports_are_no_way_around(owner: User) -> None:
    for number in range(5):
        guess(owner.email.swapcase(), REMOTE_ADDR=f"10.0.0.{number}", headers={"host": f"localhost:{8000 + number}"})
    assert is_refused(guess(owner.email, REMOTE_ADDR="10.0.1.1", headers={"host": "localhost:9999"}))


def test_a_header_that_anybody_can_send_is_no_way_around(owner: User) -> None:
    for number in range(10):
        guess(f"nobody{number}@example.com", headers={"x-forwarded-for": f"10.0.0.{number}"})
    assert is_refused(guess("nobody@example.com", headers={"x-forwarded-for": "10.0.1.1"}))
    assert not is_refused(guess("nobody@example.com", REMOTE_ADDR="10.0.1.1"))


def test_signing_in_rightly_uses_nothing_up(owner: User) -> None:
    for _ in range(12):
        assert Client().post(SIGN_IN, {"login": owner.email, "password": PASSWORD})["Location"] == "/"


def test_a_new_password_ends_the_wait(client: Client, owner: User) -> None:
    from tests.core.test_password import reset_link, set_password

    for _ in range(6):
        guess(owner.email)
    set_password(client, reset_link(client, owner.email))
    assert client.post(SIGN_IN, {"login": owner.email, "password": CHOSEN})["Location"] == "/"


@pytest.mark.parametrize(
    ("path", "form", "allowed"),
    [
        (SIGN_IN, {"login": "{}@example.com", "password": "wrong"}, 30),
        ("/account/signup/", {"email": "{}@example.com", "password1": "x", "password2": "x"}, 20),
        ("/account/password/reset/", {"email": "{}@example.com"}, 20),
        ("/account/password/reset/", {"email": "owner@example.com"}, 3),
        ("/account/password/reset/", {"email": "nobody@example.com"}, 3),
    ],
)
def test_whoever_meets_a_limit_is_told_when_to_try_again(
    owner: User, path: str, form: dict[str, str], allowed: int
) -> None:
    for number in range(allowed):
        response = Client().post(path, {name: value.format(number) for name, value in form.items()})
        assert response.status_code != 429
    response = Client().post(path, {name: value.format("last") for name, value in form.items()})
    assert response.status_code == 429
    assert response["Retry-After"] == "600"
    page = response.content.decode()
    assert "Please wait ten minutes" in page
    assert "core/app.css" in page
    from_elsewhere = Client().post(path, form, REMOTE_ADDR="10.0.0.1").status_code
    assert (from_elsewhere == 429) == (allowed == 3)  # per address typed, whoever types it


def test_a_change_of_address_has_its_limit(client: Client, owner: User) -> None:
    client.force_login(owner)
    answers = [client.post("/account/email/", {"action_send": "", "email": "x@example.com"}) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [302] * 10 + [429]


def test_a_mailbox_is_not_flooded_with_confirmations_in_whatever_way(client: Client) -> None:
    form = {"email": "new@example.com", "password1": CHOSEN, "password2": CHOSEN}
    for number in range(4):
        Client().post("/account/signup/", form, REMOTE_ADDR=f"10.0.0.{number}")
        Client().post("/account/confirm-email/resend/", form, REMOTE_ADDR=f"10.0.1.{number}")
    assert len(sent_mails()) == 3


@pytest.mark.django_db(transaction=True)
def test_many_wrong_passwords_at_once_do_not_get_past_it(make_user: Callable[..., User]) -> None:
    email = make_user("owner@example.com").email

    def refused(number: int) -> bool:
        with closing(connection):
            return is_refused(guess(email, REMOTE_ADDR=f"10.0.0.{number}"))

    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(refused, range(24)))
    assert 1 <= answers.count(False) <= 5


def test_a_sprayed_cache_forgets_no_count(owner: User) -> None:
    for _ in range(5):
        guess(owner.email)
    for number in range(400):
        cache.set(f"allauth:rl:a{number}", [1.0], 300)
    assert is_refused(guess(owner.email))
