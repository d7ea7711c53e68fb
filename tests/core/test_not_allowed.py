"""Addresses that take forms alone, opened as a page."""

from __future__ import annotations

import pytest
from django.test import Client

from core.models import User
from mailer.models import Mailing
from tests.support.mailings import make_mailing

pytestmark = pytest.mark.django_db

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_a_person_finds_a_page_and_nothing_is_done(client: Client, owner: User) -> None:
    client.force_login(owner)
    response = client.get(f"/mailings/{make_mailing(owner).pk}/duplicate/", headers=BROWSER)
    page = response.content.decode()
    assert (response.status_code, response["Allow"]) == (405, "POST")
    assert "There is nothing to see here" in page
    assert owner.email in page
    assert 'action="/language/"' in page
    assert Mailing.objects.count() == 1


def test_a_visitor_finds_one_too(client: Client) -> None:
    assert "There is nothing to see here" in client.get("/language/", headers=BROWSER).content.decode()


def test_a_program_gets_the_bare_answer(client: Client) -> None:
    for response in (client.get("/language/"), client.put("/u/abc", headers={"accept": "*/*"})):
        assert response.status_code == 405
        assert response.content == b""
