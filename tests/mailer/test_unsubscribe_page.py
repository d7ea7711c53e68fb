"""The page behind the link: looking at it does nothing, its button and RFC 8058's POST do it, and it can be undone."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext

from core.models import User
from mailer.delivery.ledger import record
from mailer.delivery.transitions import change_status
from mailer.models import Delivery, Mailing, Suppression
from mailer.signing import unsubscribe_token
from tests.support.mailings import make_mailing, make_recipients, states
from tests.support.results import ACCEPTED, a_worker, claimed, result
from tests.support.suppressions import suppress_for

pytestmark = pytest.mark.django_db

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
ANA = "ana@example.com"
LETTERS = string.ascii_letters + string.digits + "-_"


@pytest.fixture
def mailing(owner: User, settings: Any) -> Mailing:
    settings.DEFAULT_FROM_EMAIL = "Our Club & Friends <news@example.com>"
    make_recipients(owner, ANA, "ben@example.com")
    return change_status(make_mailing(owner, subject="Autumn news").pk, "start", owner)


@pytest.fixture
def link(mailing: Mailing) -> str:
    return f"/u/{unsubscribe_token(Delivery.objects.get(mailing=mailing, email=ANA).pk)}/"


@pytest.fixture
def visitor() -> Client:
    return Client(enforce_csrf_checks=True)


def holds() -> list[str]:
    return list(Suppression.objects.filter(lifted_at=None).order_by("pk").values_list("reason", flat=True))


def test_a_thousand_scanners_unsubscribe_nobody(link: str, visitor: Client, owner: User) -> None:
    for n in range(1_000):
        look = visitor.head if n % 10 == 0 else visitor.get
        assert look(link, {"act": "unsubscribe", "List-Unsubscribe": "One-Click"}).status_code == 200
    assert not Suppression.objects.exists()


def test_one_click_does_it_without_cookie_token_or_redirect_as_often_as_one_likes(
    link: str, mailing: Mailing, visitor: Client, owner: User
) -> None:
    for _time in range(3):
        response = visitor.post(link, ONE_CLICK)
        assert (response.status_code, response.cookies) == (200, {})
    suppression = Suppression.objects.get()
    assert (suppression.owner, suppression.address_key, suppression.reason) == (owner, ANA, "unsubscribed")
    assert states(mailing) == {ANA: "skipped", "ben@example.com": "queued"}


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("List-Unsubscribe=One-Click", "application/x-www-form-urlencoded"),
        ('--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n',
         "multipart/form-data; boundary=x"),
        ("", "application/x-www-form-urlencoded"),
        ("List-Unsubscribe=One-Click", "application/x-www-form-urlencoded; charset=iso-8859-1"),
        ("List-Unsubscribe=One-Click", "multipart/form-data"),
        ("&".join(f"a{n}=1" for n in range(1_001)), "application/x-www-form-urlencoded"),
        ("act=undo&" * 1_001, "application/x-www-form-urlencoded"),
    ],
)  # fmt: skip
def test_a_mail_program_may_write_its_post_as_it_likes(
    link: str, visitor: Client, body: str, content_type: str
) -> None:
    assert visitor.post(link, body, content_type=content_type).status_code == 200
    assert holds() == ["unsubscribed"]


def test_the_address_without_its_last_slash_is_served_too(link: str, visitor: Client) -> None:
    bare = link.removesuffix("/")
    assert "Unsubscribe?" in visitor.get(bare).content.decode()
    assert not holds()
    assert visitor.post(bare, ONE_CLICK).status_code == 200
    assert holds() == ["unsubscribed"]


def test_it_stops_the_owners_every_mailing_and_nobody_elses(
    link: str, mailing: Mailing, visitor: Client, owner: User, stranger: User
) -> None:
    other = change_status(make_mailing(owner).pk, "start", owner)
    make_recipients(stranger, ANA)
    theirs = change_status(make_mailing(stranger).pk, "start", stranger)
    visitor.post(link, ONE_CLICK)
    later = change_status(make_mailing(owner).pk, "start", owner)
    assert [states(one)[ANA] for one in (mailing, other, later, theirs)] == ["skipped", "skipped", "skipped", "queued"]


def test_the_button_says_what_it_did_and_offers_to_undo_it(link: str, visitor: Client) -> None:
    offered = visitor.get(link).content.decode()
    assert "Our Club &amp; Friends" in offered
    assert re.search(r'<button[^>]*name="act" value="unsubscribe"', offered)
    done = visitor.post(link, {"act": "unsubscribe"}).content.decode()
    assert "You are unsubscribed" in done
    assert "You are unsubscribed" in visitor.get(link).content.decode()
    assert 'value="undo"' in done
    undone = visitor.post(link, {"act": "undo"}).content.decode()
    assert "You will get mail again" in undone
    assert holds() == []
    assert "Unsubscribe?" in visitor.get(link).content.decode()


def test_undoing_lifts_nothing_that_others_decided(link: str, visitor: Client, owner: User) -> None:
    suppress_for(owner, ANA, reason="complaint")
    suppress_for(None, ANA)
    visitor.post(link, {"act": "undo"})
    assert holds() == ["complaint", "manual"]
    visitor.post(link, ONE_CLICK)
    assert holds() == ["complaint", "manual", "unsubscribed"]
    visitor.post(link, {"act": "undo"})
    assert holds() == ["complaint", "manual"]


def test_undoing_says_that_mailings_under_way_leave_the_address_out(
    link: str, mailing: Mailing, visitor: Client, owner: User
) -> None:
    visitor.post(link, ONE_CLICK)
    undone = visitor.post(link, {"act": "undo"}).content.decode()
    assert "You will get mail again" in undone
    assert "From the next one on" in undone
    assert "already under way leave it out" in undone
    assert states(mailing)[ANA] == "skipped"
    assert states(change_status(make_mailing(owner).pk, "start", owner))[ANA] == "queued"


@pytest.mark.parametrize(("is_sites", "reason"), [(False, "complaint"), (True, "manual"), (True, "unsubscribed")])
def test_undoing_promises_no_mail_that_is_stopped_for_another_reason(
    link: str, visitor: Client, owner: User, is_sites: bool, reason: str
) -> None:
    suppress_for(None if is_sites else owner, ANA, reason=reason)
    visitor.post(link, ONE_CLICK)
    undone = visitor.post(link, {"act": "undo"}).content.decode()
    assert "You are no longer unsubscribed" in undone
    assert "stay stopped for another reason" in undone
    assert not any(untrue in undone for untrue in ("You will get mail", "again", "omplain", "site"))


def test_what_stops_others_mailings_is_no_reason_here(link: str, visitor: Client, stranger: User) -> None:
    suppress_for(stranger, ANA, reason="complaint")
    assert "You will get mail again" in visitor.post(link, {"act": "undo"}).content.decode()


def test_it_listens_to_why(link: str, visitor: Client) -> None:
    visitor.post(link, ONE_CLICK)
    thanked = visitor.post(link, {"act": "tell", "why": "too_many", "words": "Every <day>!"})
    assert "Thank you" in thanked.content.decode()
    suppression = Suppression.objects.get()
    assert (suppression.why, suppression.words) == ("too_many", "Every <day>!")


@pytest.mark.parametrize("said", [{}, {"why": "nonsense"}, {"words": "x" * 501}])
def test_nobody_has_to_say_why(link: str, visitor: Client, said: dict[str, str]) -> None:
    visitor.post(link, ONE_CLICK)
    assert visitor.post(link, {"act": "tell", **said}).status_code == 200
    assert list(Suppression.objects.values_list("why", "words")) == [("", "")]


def test_it_tells_no_more_than_the_mail_does(link: str, visitor: Client, owner: User) -> None:
    for shown in (visitor.get(link), visitor.post(link, ONE_CLICK)):
        page = shown.content.decode()
        assert "a•••@example.com" in page
        assert not any(secret in page for secret in (ANA, "Ana", owner.email, owner.full_name))
        assert shown["Referrer-Policy"] == "no-referrer"
        assert shown["X-Robots-Tag"] == "noindex"
        assert "no-store" in shown["Cache-Control"]
        assert shown.cookies == {}


def test_it_speaks_the_visitors_language(link: str, visitor: Client) -> None:
    page = visitor.get(link, headers={"accept-language": "ru-RU,ru;q=0.9,en;q=0.5"})
    assert 'lang="ru"' in page.content.decode()
    assert page["Content-Language"] == "ru"
    assert 'lang="en"' in visitor.get(link, headers={"accept-language": "fr"}).content.decode()


def test_it_works_when_recipient_and_mailing_are_gone_or_over(
    link: str, mailing: Mailing, visitor: Client, owner: User
) -> None:
    worker = a_worker()
    record(worker, [result(claim, ACCEPTED) for claim in claimed(worker)])
    owner.recipients.all().delete()
    assert visitor.get(link).status_code == 200
    visitor.post(link, ONE_CLICK)
    make_recipients(owner, "Ana@Example.com")
    again = change_status(make_mailing(owner).pk, "start", owner)
    assert states(again) == {"Ana@Example.com": "skipped"}


def pages_asked_with(act: str, paths: list[str]) -> tuple[list[Any], int]:
    """What a mail program's server gets for each, and how many queries that took."""

    async def ask() -> list[Any]:
        visitor = AsyncClient(enforce_csrf_checks=True)
        return [await getattr(visitor, act)(path) for path in paths]

    with CaptureQueriesContext(connection) as captured:  # a view's queries are made in this thread
        return async_to_sync(ask)(), len(captured)


@pytest.mark.parametrize("act", ["get", "post"])
def test_a_thousand_forged_tokens_do_nothing_and_ask_no_database(link: str, act: str) -> None:
    chance = random.Random(act)
    token = link[3:-1]
    for _lot in range(10):  # PostgreSQL cuts off a transaction that says nothing for half a minute
        forged = [f"/u/{token_beside(token, chance)}/" for _time in range(100)]
        pages, queries = pages_asked_with(act, forged)
        assert {page.status_code for page in pages} == {404}
        assert all("not complete" in page.content.decode() for page in pages)
        assert queries == 0
        assert not Suppression.objects.exists()
    assert pages_asked_with(act, [link])[1] > 0


def token_beside(token: str, chance: random.Random) -> str:
    """One that differs in one letter from a true one."""
    at = chance.randrange(len(token))
    return token[:at] + chance.choice(LETTERS.replace(token[at], "")) + token[at + 1 :]


def test_a_sample_says_that_it_is_one(visitor: Client, django_assert_num_queries: Callable[[int], Any]) -> None:
    for act in (visitor.get, visitor.post):
        with django_assert_num_queries(0):
            response = act(f"/u/{unsubscribe_token(0)}/")
        assert (response.status_code, "sample" in response.content.decode()) == (200, True)


def test_a_delivery_that_never_was_is_not_found(visitor: Client) -> None:
    assert visitor.post(f"/u/{unsubscribe_token(999_999_999)}/", ONE_CLICK).status_code == 404
