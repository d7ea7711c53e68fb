"""Labels of allauth's forms: in sentence case, like all others."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from core.models import User
from tests.core.test_password import reset_link

pytestmark = pytest.mark.django_db

LABEL = re.compile(r"<label[^>]*>([^<]+?)\s*<")
PLACEHOLDER = re.compile(r'placeholder="([^"]+)"')


def labels(client: Client, address: str) -> list[str]:
    """Of the fields, which may show them inside as well."""
    page = client.get(address, follow=True).content.decode()
    found = LABEL.findall(page)
    assert {*PLACEHOLDER.findall(page)} <= {*found, "Email address"}
    return found


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("/account/login/", ["Email", "Password", "Remember me"]),
        ("/account/signup/", ["Email", "Password", "Password (again)"]),
    ],
)
def test_a_visitors_are(client: Client, address: str, expected: list[str]) -> None:
    assert labels(client, address) == expected


def test_those_of_a_forgotten_password_are(client: Client, owner: User) -> None:
    assert labels(client, reset_link(client, owner.email)) == ["New password", "New password (again)"]


def test_those_of_who_is_signed_in_are(client: Client, owner: User) -> None:
    client.force_login(owner)
    assert labels(client, "/account/password/change/") == ["Current password", "New password", "New password (again)"]
