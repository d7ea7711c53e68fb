"""Who has an account is told to nobody: the answers for a known address and for an unknown one are the same."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher, make_password
from django.core.cache import cache
from django.test import Client

from core.models import User
from tests.support.mails import sent_mails

pytestmark = pytest.mark.django_db

CHOSEN = "Xq7-plum-violet-91"
ROUNDS = 15
numbers = count()


def sign_in(email: str) -> Any:
    return Client().post("/account/login/", {"login": email, "password": "a wrong one"})


def sign_up(email: str) -> Any:
    return Client().post("/account/signup/", {"email": email, "password1": CHOSEN, "password2": CHOSEN})


def reset(email: str) -> Any:
    return Client().post("/account/password/reset/", {"email": email})


def resend(email: str) -> Any:
    return Client().post("/account/confirm-email/resend/", {"email": email})


WAYS = [sign_in, sign_up, reset, resend]


class RealHasher(PBKDF2PasswordHasher):
    """Django's own, quicker, and still many times what else a page does."""

    iterations = 240_000


@pytest.fixture
def known(settings: Any, make_user: Callable[..., User]) -> User:
    settings.PASSWORD_HASHERS = [f"{__name__}.RealHasher"]
    return make_user("known@example.com")


def unknown() -> str:
    return f"nobody{next(numbers)}@example.com"


def seen(response: Any, email: str) -> tuple[Any, ...]:
    """All that a browser gets, without the address that was typed and the form's token."""
    body = response.content.decode().replace(email, "ADDRESS")
    body = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", body)
    return response.status_code, sorted(response.headers), sorted(response.cookies), response.get("Location"), body


@pytest.mark.parametrize("way", WAYS)
def test_the_answer_is_the_same(known: User, way: Callable[[str], Any]) -> None:
    address = unknown()
    assert seen(way(known.email), known.email) == seen(way(address), address)


@pytest.mark.parametrize("way", [sign_up, reset, resend])
def test_the_page_that_follows_is_the_same(known: User, way: Callable[[str], Any]) -> None:
    pages = []
    for email in (known.email, unknown()):
        response = way(email)
        client = Client()
        client.cookies = response.cookies
        pages.append(seen(client.get(response["Location"]), email))
    assert pages[0] == pages[1]


@pytest.mark.parametrize("state", ["unconfirmed", "blocked", "without a password"])
def test_the_state_of_an_account_is_not_told(known: User, state: str) -> None:
    if state == "unconfirmed":
        known.emailaddress_set.update(verified=False)
    elif state == "blocked":
        User.objects.update(is_active=False)
    else:
        known.set_unusable_password()
        known.save()
    address = unknown()
    for way in WAYS:
        assert seen(way(known.email), known.email) == seen(way(address), address)


def test_signing_up_with_an_address_and_signing_in_tells_nothing(known: User) -> None:
    """Whoever does both has chosen the password: it must not be told right for a new account alone."""
    answers = []
    for email in (known.email, unknown()):
        sign_up(email)
        client = Client()
        answers.append(seen(client.post("/account/login/", {"login": email, "password": CHOSEN}), email))
    assert answers[0] == answers[1]


def seconds(act: Callable[[str], Any], email: str) -> float:
    """What it takes on the processor, its mails included: what others do on this machine does not count."""
    cache.clear()  # the limits have their own tests
    sent_mails()
    begin = time.process_time()
    act(email)
    sent_mails()
    return time.process_time() - begin


def taken(way: Callable[[str], Any], known: str) -> tuple[float, float]:
    """Medians, of hashing a password, and of how much longer it takes for a known address than for an unknown one.

    A machine that grows slower or quicker does so for all three: they are taken in turns, and now one, now the other
    address comes first.
    """
    hashing, differences = [], []
    for n in range(ROUNDS):
        hashing.append(seconds(make_password, CHOSEN))
        pair = [known, unknown()]
        took = {email: seconds(way, email) for email in (pair if n % 2 else reversed(pair))}
        differences.append(took[pair[0]] - took[pair[1]])
    return statistics.median(hashing), statistics.median(differences)


@pytest.mark.parametrize("way", WAYS)
def test_it_takes_as_long(known: User, way: Callable[[str], Any]) -> None:
    """The difference stays under half of what hashing a password takes, which is what could tell.

    That nobody waits for the mail server is in test_outgoing.
    """
    seconds(way, known.email), seconds(way, unknown())
    hashing, difference = taken(way, known.email)
    assert abs(difference) < hashing / 2


def test_it_would_tell_if_a_password_were_hashed_for_one_of_them_alone(known: User) -> None:
    def telling(email: str) -> Any:
        if email == known.email:
            make_password(CHOSEN)
        return sign_in(email)

    seconds(telling, known.email), seconds(telling, unknown())
    hashing, difference = taken(telling, known.email)
    assert difference > hashing / 2
