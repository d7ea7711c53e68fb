from __future__ import annotations

import pytest
from django.test import Client

from core.models import User
from mailer.delivery.transitions import change_status
from mailer.models import Mailing
from tests.support.mailings import make_crowd, make_mailing, make_recipients

pytestmark = pytest.mark.django_db


@pytest.fixture
def mailing(owner: User) -> Mailing:
    make_crowd(owner, 120)
    mailing = make_mailing(owner)
    mailing.everyone = False
    mailing.save()
    return mailing


def chosen(mailing: Mailing) -> list[str]:
    return sorted(mailing.recipients.values_list("email", flat=True))


def test_it_adds_and_takes_out_those_ticked(mailing: Mailing, owner: User, page: Client) -> None:
    one, two = owner.recipients.order_by("pk")[:2]
    path = f"/mailings/{mailing.pk}/audience/"
    page.post(path, {"act": "add", "recipient": [one.pk, two.pk, two.pk, "nonsense", "9" * 30]})
    assert chosen(mailing) == ["r0@example.com", "r1@example.com"]
    page.post(path, {"act": "remove", "recipient": [one.pk]})
    assert chosen(mailing) == ["r1@example.com"]


def test_done_adds_those_ticked_and_goes_to_the_mailing(mailing: Mailing, owner: User, page: Client) -> None:
    (one,) = owner.recipients.order_by("pk")[:1]
    path, of_mailing = f"/mailings/{mailing.pk}/audience/?q=person", f"/mailings/{mailing.pk}/"
    shown = page.post(path, {"act": "done", "recipient": [one.pk]}, follow=True)
    assert shown.redirect_chain == [(of_mailing, 302)]
    assert "1 recipient added." in shown.content.decode()
    assert chosen(mailing) == ["r0@example.com"]
    assert page.post(path, {"act": "done"})["Location"] == of_mailing


def test_done_stays_where_the_ticks_would_be_in_vain(mailing: Mailing, owner: User, page: Client) -> None:
    """Whoever ticks those that are chosen may mean to take them out."""
    (one,) = owner.recipients.order_by("pk")[:1]
    mailing.recipients.add(one)
    path = f"/mailings/{mailing.pk}/audience/?chosen=on"
    shown = page.post(path, {"act": "done", "recipient": [one.pk]}, follow=True)
    assert shown.redirect_chain == [(path, 302)]
    assert "0 recipients added." in shown.content.decode()
    assert chosen(mailing) == ["r0@example.com"]


def test_it_adds_all_that_a_search_finds(mailing: Mailing, page: Client) -> None:
    path = f"/mailings/{mailing.pk}/audience/?q=person+11"
    response = page.get(path)
    assert response.context["found_count"] == 11
    page.post(path, {"act": "add_all"})
    page.post(path, {"act": "add_all"})
    assert len(chosen(mailing)) == 11
    assert page.get(f"/mailings/{mailing.pk}/audience/?chosen=on").context["found_count"] == 11
    page.post(f"/mailings/{mailing.pk}/audience/", {"act": "remove_all"})
    assert chosen(mailing) == []


@pytest.mark.parametrize("act", ["", "all", "remove_everything_all", "wipe"])
def test_what_it_does_not_know_it_does_not_do(mailing: Mailing, owner: User, page: Client, act: str) -> None:
    mailing.recipients.set(owner.recipients.order_by("pk")[:2])
    assert page.post(f"/mailings/{mailing.pk}/audience/", {"act": act}).status_code == 400
    assert chosen(mailing) == ["r0@example.com", "r1@example.com"]


def test_it_takes_no_strangers_recipient(mailing: Mailing, stranger: User, page: Client) -> None:
    (theirs,) = make_recipients(stranger, "theirs@example.com")
    page.post(f"/mailings/{mailing.pk}/audience/", {"act": "add", "recipient": [theirs.pk]})
    assert chosen(mailing) == []


def test_it_is_fixed_once_launched(mailing: Mailing, owner: User, page: Client) -> None:
    page.post(f"/mailings/{mailing.pk}/audience/?q=person+11", {"act": "add_all"})
    change_status(mailing.pk, "start", owner)
    response = page.post(f"/mailings/{mailing.pk}/audience/", {"act": "add_all"})
    assert response["Location"] == f"/mailings/{mailing.pk}/"
    assert len(chosen(mailing)) == 11


@pytest.mark.parametrize("act", ["add", "remove"])
def test_where_nobody_is_ticked_it_says_so_there(mailing: Mailing, owner: User, page: Client, act: str) -> None:
    mailing.recipients.add(*owner.recipients.order_by("pk")[:1])
    path = f"/mailings/{mailing.pk}/audience/?q=person"
    for ticked in ([], ["nonsense"]):
        response = page.post(path, {"act": act, "recipient": ticked}, follow=True)
        assert response.redirect_chain == [(path, 302)]
        assert "Nobody is ticked." in response.content.decode()
    assert chosen(mailing) == ["r0@example.com"]
