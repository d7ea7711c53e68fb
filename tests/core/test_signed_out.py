"""A form that comes in signed out: nothing is done, and a page tells how to go on without losing it."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client

from core.models import User
from mailer.models import Mailing, Message
from tests.support.mailings import make_mailing

pytestmark = pytest.mark.django_db


@pytest.fixture
def signed_out(client: Client, owner: User) -> Client:
    """A browser whose session has ended while a page was open."""
    client.force_login(owner)
    client.get("/messages/new/")
    del client.cookies[settings.SESSION_COOKIE_NAME]
    return client


def test_it_is_told_how_to_sign_in_without_leaving_the_page(signed_out: Client, owner: User) -> None:
    response = signed_out.post("/messages/new/", {"subject": "Typed", "kind": "text", "body": "For an hour"})
    page = response.content.decode()
    assert response.status_code == 403
    assert "You are signed out" in page
    assert '<a class="btn btn-primary" href="/account/login/" target="_blank" rel="noopener">' in page
    assert 'action="/language/"' in page
    assert not Message.objects.exists()


def test_an_address_that_takes_forms_alone_is_not_where_signing_in_leads(signed_out: Client, owner: User) -> None:
    mailing = make_mailing(owner)
    assert "Location" not in signed_out.post(f"/mailings/{mailing.pk}/duplicate/")
    assert Mailing.objects.count() == 1


def test_signing_out_twice_is_no_harm(signed_out: Client) -> None:
    assert signed_out.post("/account/logout/")["Location"] == "/account/login/"


def test_a_page_knows_whose_it_is(client: Client, owner: User) -> None:
    """By which token.js tells another account."""
    assert "data-account" not in client.get("/account/login/").content.decode()
    client.force_login(owner)
    assert f'data-account="{owner.pk}"' in client.get("/").content.decode()


def test_scripts_may_read_the_token() -> None:
    """As token.js does."""
    assert (settings.CSRF_COOKIE_HTTPONLY, settings.CSRF_USE_SESSIONS) == (False, False)
    assert settings.CSRF_COOKIE_NAME == "csrftoken"
