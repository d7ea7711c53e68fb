"""When a session ends: with a new password, and everywhere at once when an account is signed out."""

from __future__ import annotations

from datetime import timedelta
from datetime import timezone as zones
from typing import Any

import pytest
from django.contrib.auth import SESSION_KEY
from django.test import Client
from django.utils import timezone

from core.models import User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

CHOSEN = "Xq7-plum-violet-91"


@pytest.fixture
def browsers(owner: User) -> list[Client]:
    """Two, signed in as the owner."""
    clients = [Client(), Client()]
    for client in clients:
        client.force_login(owner)
    return clients


def is_signed_in(client: Client) -> bool:
    return client.get("/").status_code == 200 and SESSION_KEY in client.session


def test_a_new_password_ends_all_sessions_but_ones_own(browsers: list[Client]) -> None:
    form = {"oldpassword": PASSWORD, "password1": CHOSEN, "password2": CHOSEN}
    browsers[0].post("/account/password/change/", form)
    assert [is_signed_in(client) for client in browsers] == [True, False]


def test_signing_an_account_out_ends_all_its_sessions(browsers: list[Client], owner: User, stranger: User) -> None:
    other = Client()
    other.force_login(stranger)
    User.objects.filter(pk=owner.pk).update(signed_out_at=timezone.now())
    assert [is_signed_in(client) for client in [*browsers, other]] == [False, False, True]


def test_a_session_that_begins_afterwards_goes_on(owner: User) -> None:
    User.objects.filter(pk=owner.pk).update(signed_out_at=timezone.now())
    client = Client()
    client.post("/account/login/", {"login": owner.email, "password": PASSWORD})
    assert is_signed_in(client)


def test_the_same_moment_in_another_zone_ends_nothing(owner: User) -> None:
    owner.signed_out_at = timezone.now()
    before = owner.get_session_auth_hash()
    owner.signed_out_at = owner.signed_out_at.astimezone(zones(timedelta(hours=5)))
    assert owner.get_session_auth_hash() == before


def test_a_new_secret_key_keeps_sessions_while_the_old_one_is_known(
    browsers: list[Client], owner: User, settings: Any
) -> None:
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-secret-key"
    assert is_signed_in(browsers[0])
    User.objects.filter(pk=owner.pk).update(signed_out_at=timezone.now())
    assert not is_signed_in(browsers[1])


@pytest.mark.parametrize("key", [r"abcdefghij\000kl", r"abcdefghij\012kl", r"\377\376\375abcdefgh"])
def test_a_cookie_with_a_key_that_no_session_has_is_as_good_as_none(client: Client, key: str) -> None:
    for page, status in (("/mailings/", 302), ("/account/login/", 200)):
        assert client.get(page, headers={"cookie": f'sessionid="{key}"'}).status_code == status
