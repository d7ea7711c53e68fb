"""Where a password is changed it is hashed before anything is locked: that takes long, and SQLite has one writer."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.cache import cache
from django.db import connection
from django.test import Client

from core.models import User
from tests.core.test_changed_meanwhile import (
    NEW,
    Saver,
    change_password,
    change_password_in_admin,
    reset_password,
)

pytestmark = pytest.mark.django_db(transaction=True)


def signed_in_as(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize("saver", [change_password, reset_password, change_password_in_admin])
def test_no_transaction_is_open_while_it_is_hashed(
    owner: User, superuser: User, saver: Saver, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.clear()  # nobody meets a limit here
    within: list[bool] = []
    encode = MD5PasswordHasher.encode

    def watched(self: Any, password: str, salt: str) -> str:
        within.append(connection.in_atomic_block)
        return encode(self, password, salt)

    save = saver(signed_in_as(owner), signed_in_as(superuser), owner)
    monkeypatch.setattr(MD5PasswordHasher, "encode", watched)
    assert save().status_code == 302
    assert within
    assert not any(within)
    owner.refresh_from_db()
    assert owner.check_password(NEW)
