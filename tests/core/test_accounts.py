"""An account is its email address, once, in any capitals."""

from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth import authenticate
from django.db import IntegrityError

from core.models import User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


def test_it_takes_an_address_once_in_any_capitals(owner: User) -> None:
    with pytest.raises(IntegrityError):
        User.objects.create_user(owner.email.upper(), PASSWORD)


def test_it_needs_an_address() -> None:
    with pytest.raises(ValueError, match="needs an email"):
        User.objects.create_user("")


@pytest.mark.parametrize("typed", ["owner@example.com", "Owner@Example.com"])
def test_it_signs_in_by_address_in_any_capitals(owner: User, typed: str) -> None:
    assert authenticate(None, username=typed, password=PASSWORD) == owner


def test_it_refuses_a_blocked_account(owner: User) -> None:
    User.objects.filter(pk=owner.pk).update(is_active=False)
    assert authenticate(None, username=owner.email, password=PASSWORD) is None


def test_it_confirms_the_address_of_whoever_has_the_servers_shell() -> None:
    user = User.objects.create_superuser("root@example.com", PASSWORD)
    assert (user.is_staff, user.is_superuser, str(user)) == (True, True, "root@example.com")
    assert EmailAddress.objects.get(user=user).verified
