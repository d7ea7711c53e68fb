from __future__ import annotations

import random
import string
from typing import Any

import pytest
from django.core.checks import run_checks
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from mailer.signing import delivery_of, unsubscribe_token, unsubscribe_url

KEY = "the-key-of-these-tests-0123456789-abcdefghijklmnopqrstuvwxyz"


@pytest.fixture(autouse=True)
def key(settings: Any) -> None:
    settings.UNSUBSCRIBE_KEY = KEY


@pytest.mark.parametrize("delivery_id", [0, 1, 255, 256, 10_000_000, 2**63 - 1])
def test_a_link_names_its_delivery_and_no_other(delivery_id: int) -> None:
    assert delivery_of(unsubscribe_token(delivery_id)) == delivery_id
    assert unsubscribe_token(delivery_id) != unsubscribe_token(delivery_id + 1)


def test_the_address_is_that_of_the_page_on_the_site(settings: Any) -> None:
    settings.SITE_URL = "https://mail.example.com"
    path = reverse("unsubscribe", args=[unsubscribe_token(7)])
    assert unsubscribe_url(7) == f"https://mail.example.com{path}"
    assert len(unsubscribe_url(10**9)) < 70


def test_ten_thousand_forged_tokens_name_nothing() -> None:
    letters = string.ascii_letters + string.digits + "-_"
    true = unsubscribe_token(12345)
    for _time in range(10_000):
        at = random.randrange(len(true))
        other = random.choice(letters.replace(true[at], ""))
        assert delivery_of(true[:at] + other + true[at + 1 :]) is None
        assert delivery_of("".join(random.choices(letters, k=random.randrange(40)))) is None


@given(st.text(max_size=60))
def test_whatever_is_typed_is_no_error(token: str) -> None:
    assert delivery_of(token) is None


@pytest.mark.parametrize("change", [lambda token: token + "=", lambda token: token + " ", lambda token: token[:-1]])
def test_there_is_one_way_to_write_a_token(change: Any) -> None:
    assert delivery_of(change(unsubscribe_token(77))) is None


def test_a_link_outlives_a_new_secret_key(settings: Any) -> None:
    token = unsubscribe_token(5)
    settings.SECRET_KEY = "another-" + KEY
    assert delivery_of(token) == 5
    settings.UNSUBSCRIBE_KEY = "another-" + KEY
    assert delivery_of(token) is None


def test_without_a_key_of_its_own_the_secret_key_signs_and_can_become_it(settings: Any) -> None:
    settings.UNSUBSCRIBE_KEY = ""
    token = unsubscribe_token(5)
    settings.UNSUBSCRIBE_KEY, settings.SECRET_KEY = settings.SECRET_KEY, "another-" + KEY
    assert delivery_of(token) == 5


def test_the_check_for_deployment_asks_for_the_key(settings: Any) -> None:
    def found() -> list[str | None]:
        return [message.id for message in run_checks(include_deployment_checks=True)]

    assert "mailer.W003" not in found()
    settings.UNSUBSCRIBE_KEY = ""
    assert "mailer.W003" in found()
