"""Who gets what at every address. A URL that the matrix does not know fails.

A row holds what anonymous, owner, stranger, manager and superuser get, for GET and for POST. The objects in the
addresses are the owner's. L is the way to the sign-in page, R another redirect.
"""

from __future__ import annotations

from collections import Counter

import pytest
from django.db import transaction
from django.test import Client
from django.urls import resolve, reverse

from core.models import User
from tests.support.addresses import ADMIN, ALL, OURS, address, admin_address
from tests.support.belongings import belongings_of

pytestmark = pytest.mark.django_db

REPLACED = {"account_confirm_email"}  # allauth's route of this name, which ours comes before

ROLES = ("anonymous", "owner", "stranger", "manager", "superuser")

MATRIX = {
    "accept_invitation": "410 410 410 410 410 | 405 405 405 405 405",
    "account_change_password": "L 200 200 200 200 | 403 200 200 200 200",
    "account_confirm_email": "200 200 200 200 200 | 200 200 200 200 200",
    "account_confirm_login_code": "L R R R R | L R R R R",
    "account_email": "L 200 200 200 200 | 403 R R R R",
    "account_email_verification_sent": "200 200 200 200 200 | 405 405 405 405 405",
    "account_inactive": "200 200 200 200 200 | 405 405 405 405 405",
    "account_login": "200 R R R R | 200 R R R R",
    "account_logout": "L 200 200 200 200 | L L L L L",
    "account_reauthenticate": "L 200 200 200 200 | 403 200 200 200 200",
    "account_reset_password": "200 200 200 200 200 | 200 200 200 200 200",
    "account_reset_password_done": "200 200 200 200 200 | 405 405 405 405 405",
    "account_reset_password_from_key": "200 200 200 200 200 | 200 200 200 200 200",
    "account_reset_password_from_key_done": "200 200 200 200 200 | 405 405 405 405 405",
    "account_set_password": "L R R R R | 403 R R R R",
    "account_signup": "200 R R R R | 200 R R R R",
    "attempt_export": "L 200 404 200 200 | 403 405 405 405 405",
    "attempt_list": "L 200 404 200 200 | 403 405 405 405 405",
    "delivery_choose": "L R 404 404 R | 403 R 404 404 R",
    "delivery_detail": "L 200 404 200 200 | 403 405 405 405 405",
    "delivery_export": "L 200 404 200 200 | 403 405 405 405 405",
    "delivery_list": "L 200 404 200 200 | 403 405 405 405 405",
    "domain_page": "L 200 200 200 200 | 403 405 405 405 405",
    "domain_report": "L 405 405 405 405 | 403 R R R R",
    "healthz": "200 200 200 200 200 | 405 405 405 405 405",
    "home": "200 200 200 200 200 | 405 405 405 405 405",
    "invite_user": "L 404 404 404 200 | 403 404 404 404 200",
    "mailcatcher_clear": "404 404 404 404 404 | 404 404 404 404 404",
    "mailcatcher_file": "404 404 404 404 404 | 404 404 404 404 404",
    "mailcatcher_html": "404 404 404 404 404 | 404 404 404 404 404",
    "mailcatcher_inbox": "404 404 404 404 404 | 404 404 404 404 404",
    "mailcatcher_mail": "404 404 404 404 404 | 404 404 404 404 404",
    "mailcatcher_source": "404 404 404 404 404 | 404 404 404 404 404",
    "mailing_action": "L 200 404 200 200 | 403 R 404 R R",
    "mailing_audience": "L 200 404 404 200 | 403 400 404 404 400",
    "mailing_choose": "L R 404 404 R | 403 R 404 404 R",
    "mailing_content": "L 200 404 200 200 | 403 405 405 405 405",
    "mailing_content_preview": "L 200 404 200 200 | 403 405 405 405 405",
    "mailing_create": "L 200 200 200 200 | 403 200 200 200 200",
    "mailing_delete": "L 200 404 404 200 | 403 R 404 404 R",
    "mailing_detail": "L 200 404 200 200 | 403 405 405 405 405",
    "mailing_duplicate": "L 405 405 405 405 | 403 R 404 404 R",
    "mailing_edit": "L 200 404 404 200 | 403 200 404 404 200",
    "mailing_people": "L 404 404 404 404 | 403 405 405 405 405",
    "mailing_test": "L 200 404 404 200 | 403 200 404 404 200",
    "mailing_list": "L 200 200 200 200 | 403 405 405 405 405",
    "mailing_rate": "L 200 404 404 200 | 403 R 404 404 R",
    "message_attach": "L 405 405 405 405 | 403 R 404 404 R",
    "message_attachment": "L 200 404 200 200 | 403 405 405 405 405",
    "message_create": "L 200 200 200 200 | 403 200 200 200 200",
    "message_delete": "L 200 404 404 200 | 403 409 404 404 409",
    "message_detach": "L 405 405 405 405 | 403 R 404 404 R",
    "message_detail": "L 200 404 200 200 | 403 405 405 405 405",
    "message_duplicate": "L 405 405 405 405 | 403 R 404 404 R",
    "message_edit": "L 200 404 404 200 | 403 200 404 404 200",
    "message_list": "L 200 200 200 200 | 403 405 405 405 405",
    "message_people": "L 200 404 200 200 | 403 405 405 405 405",
    "message_people_new": "L 200 200 200 200 | 403 405 405 405 405",
    "message_picture": "404 404 404 404 404 | 405 405 405 405 405",
    "message_preview": "L 200 404 200 200 | 403 200 404 404 200",
    "message_preview_new": "L 405 405 405 405 | 403 200 200 200 200",
    "message_test": "L 200 404 404 200 | 403 200 404 404 200",
    "readyz": "200 200 200 200 200 | 405 405 405 405 405",
    "recipient_create": "L 200 200 200 200 | 403 200 200 200 200",
    "recipient_delete": "L 200 404 404 200 | 403 R 404 404 R",
    "recipient_detail": "L 200 404 200 200 | 403 405 405 405 405",
    "recipient_edit": "L 200 404 404 200 | 403 200 404 404 200",
    "recipient_export": "L 200 200 200 200 | 403 405 405 405 405",
    "recipient_import": "L 200 200 200 200 | 403 200 200 200 200",
    "recipient_list": "L 200 200 200 200 | 403 405 405 405 405",
    "resend_confirmation": "200 200 200 200 200 | 200 200 200 200 200",
    "set_language": "405 405 405 405 405 | R R R R R",
    "settings": "L 200 200 200 200 | 403 R R R R",
    "site_rate": "L 404 404 404 200 | 403 404 404 404 R",
    "suppression_add": "L 200 200 200 200 | 403 200 200 200 200",
    "suppression_detail": "L 200 404 200 200 | 403 405 405 405 405",
    "suppression_export": "L 200 200 200 200 | 403 405 405 405 405",
    "suppression_lift": "L 405 405 405 405 | 403 200 404 404 200",
    "suppression_list": "L 200 200 200 200 | 403 405 405 405 405",
    "unsubscribe": "404 404 404 404 404 | 404 404 404 404 404",
    "unsubscribe_bare": "404 404 404 404 404 | 404 404 404 404 404",
    "user_act": "L 405 405 405 405 | 403 404 404 R R",
    "user_detail": "L 404 404 200 200 | 403 405 405 405 405",
    "user_list": "L 404 404 200 200 | 403 405 405 405 405",
}


@pytest.fixture
def keys(owner: User) -> dict[str, int]:
    return belongings_of(owner)


def answer(user: User | None, method: str, url: str) -> str:
    """What the user gets, undone afterwards."""
    with transaction.atomic():
        client = Client()
        if user:
            client.force_login(user)
        response = getattr(client, method)(url)
        transaction.set_rollback(True)
    if response.status_code == 302:
        return "L" if reverse("account_login") in response["Location"] else "R"
    return str(response.status_code)


@pytest.fixture
def cast(owner: User, stranger: User, manager: User, superuser: User) -> list[User | None]:
    return [None, owner, stranger, manager, superuser]


def test_no_name_hides_another_address() -> None:
    assert {name for name, n in Counter(name for name, _pattern in ALL).items() if n > 1} == REPLACED


@pytest.mark.parametrize("name", sorted(OURS))
def test_everybody_gets_what_the_matrix_says(name: str, cast: list[User | None], keys: dict[str, int]) -> None:
    assert name in MATRIX, "a page that the matrix does not know"
    url = address(name, keys)
    rows = [" ".join(answer(user, method, url) for user in cast) for method in ("get", "post")]
    assert " | ".join(rows) == MATRIX[name]


def test_the_matrix_knows_no_page_that_is_gone() -> None:
    assert MATRIX.keys() == OURS.keys()


@pytest.mark.parametrize("name", sorted(ADMIN))
def test_the_admin_is_for_staff(name: str, cast: list[User | None], keys: dict[str, int]) -> None:
    url = admin_address(name, keys)
    for method in ("get", "post"):
        answers = [answer(user, method, url) for user in cast]
        assert all(found in ("L", "R", "403", "404") for found in answers[:-1]), answers
        assert answers[-1] in ("R", "200", "403", "404", "405"), answers


def test_the_admins_addresses_are_those_of_its_patterns(keys: dict[str, int]) -> None:
    """Those without a name too, which can't be reversed."""
    assert "admin:/admin/(?P<url>.*)$" in ADMIN
    assert "admin:/admin/mailer/mailing/<path:object_id>/" in ADMIN
    for name, pattern in ADMIN.items():
        assert resolve(admin_address(name, keys)).func is pattern.callback, name
