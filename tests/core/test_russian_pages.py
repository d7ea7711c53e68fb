"""Every page in Russian: what stands on it in Latin letters is data, or a name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import get_resolver, reverse

from core.models import User
from mailer.delivery.transitions import change_status
from mailer.models import Delivery, Mailing, Recipient, Suppression, Worker
from mailer.reasons import MAILING_REFUSED, StatusReason
from mailer.signing import unsubscribe_token
from tests.support.mailings import make_mailing
from tests.support.russian import a_reader, a_sent_mailing
from tests.support.visible import latin_words_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader(owner: User) -> User:
    return a_reader(owner)


@pytest.fixture
def sent(reader: User) -> Mailing:
    return a_sent_mailing(reader)


@pytest.fixture
def page(reader: User, client: Client) -> Client:
    client.force_login(reader)
    return client


def paths(mailing: Mailing) -> Iterator[str]:
    """The address of each named page, but for those of objects that there are none of. The admin is Django's."""
    known: dict[str, dict[str, Any]] = {
        "account": {"key": "abc", "uidb36": "1"},
        "recipient": {"pk": Recipient.objects.earliest("pk").pk},
        "message": {"pk": mailing.message_id},
        "mailing": {"pk": mailing.pk, "action": "cancel"},
        "delivery": {"pk": mailing.pk, "delivery_pk": Delivery.objects.filter(state="uncertain").earliest("pk").pk},
        "attempt": {"pk": mailing.pk},
        "suppression": {"pk": Suppression.objects.earliest("pk").pk},
        "unsubscribe": {"token": unsubscribe_token(Delivery.objects.earliest("pk").pk)},
    }
    reverse_dict: Any = get_resolver().reverse_dict
    for name, addresses in reverse_dict.items():
        if isinstance(name, str):
            values = known.get(name.partition("_")[0], {})
            wanted = addresses[0][0][1]
            if set(wanted) <= values.keys():
                yield reverse(name, kwargs={key: values[key] for key in wanted})


def is_page(response: Any) -> bool:
    return response.status_code == 200 and "html" in response["Content-Type"]


def test_every_page_is_in_russian(sent: Mailing, page: Client, settings: Any) -> None:
    settings.EMBEDDED = True  # with the mail catcher
    draft = make_mailing(sent.owner, subject="Черновик", body="Здравствуйте")
    Mailing.objects.filter(pk=draft.pk).update(everyone=False)
    looked_at, wrong = 0, {}
    for path in sorted({*paths(sent), *paths(draft), "/nope/"}):
        response = page.get(path)
        if is_page(response) or response.status_code == 404:
            looked_at += 1
            content = response.content.decode()
            words = latin_words_of(content)
            is_whole = "<html" in content and not path.endswith("/preview/")  # what that shows is the message's own
            if words or (is_whole and '<html lang="ru">' not in content):
                wrong[path] = words
    assert wrong == {}
    assert looked_at > 25


def test_every_page_of_an_empty_account_is_in_russian(page: Client) -> None:
    Recipient.objects.all().delete()
    for name in ("home", "mailing_list", "mailing_create", "message_list", "recipient_list"):
        assert latin_words_of(page.get(reverse(name)).content.decode()) == set(), name


def test_a_mailings_page_is_in_russian_whatever_became_of_it(sent: Mailing, page: Client) -> None:
    owner, path = sent.owner, f"/mailings/{sent.pk}/"
    for action, reason in (("pause", StatusReason(MAILING_REFUSED, "550 5.7.1 нельзя")), ("resume", StatusReason())):
        change_status(sent.pk, action, owner, reason=reason)
        assert latin_words_of(page.get(path).content.decode()) == set()
    change_status(sent.pk, "cancel", owner)
    assert latin_words_of(page.get(path).content.decode()) == set()
    for kind in ("schedule", "unschedule"):
        page.post(f"/mailings/{make_mailing(owner, subject='План', body='Здравствуйте').pk}/{kind}/")
    assert latin_words_of(page.get(f"/mailings/{Mailing.objects.latest('pk').pk}/").content.decode()) == set()


def test_every_page_of_a_manager_is_in_russian(sent: Mailing, manager: User, client: Client) -> None:
    User.objects.filter(pk=manager.pk).update(language="ru", full_name="Мария")
    client.force_login(manager)
    owner, everybodys = f"/users/{sent.owner_id}/", "?whose=everybody"
    theirs = [path for path in paths(sent) if is_page(client.get(path)) and not path.startswith("/account/")]
    assert f"/mailings/{sent.pk}/" in theirs
    people = ["/users/", "/users/?q=нет", "/users/?kind=blocked", owner, f"/users/{manager.pk}/"]
    lists = [reverse(name) + everybodys for name in ("home", "mailing_list", "message_list", "recipient_list")]
    wrong = {path: latin_words_of(client.get(path).content.decode()) for path in [*theirs, *people, *lists]}
    assert {path: words for path, words in wrong.items() if words} == {}
    for act in ("block", "block", "unblock", "allow"):
        assert latin_words_of(client.post(f"{owner}{act}/", follow=True).content.decode()) == set()


@pytest.mark.parametrize("approval", [True, False])
def test_what_holds_a_new_account_back_is_told_in_russian(
    sent: Mailing, manager: User, page: Client, client: Client, settings: Any, approval: bool
) -> None:
    settings.NEW_ACCOUNT_DAILY_CAP, settings.SENDING_REQUIRES_APPROVAL = 2, approval
    User.objects.filter(pk=sent.owner_id).update(sending_allowed_at=None)
    User.objects.filter(pk=manager.pk).update(language="ru", full_name="Мария")
    Worker.objects.update(trouble="")
    told = "Ждёт разрешения" if approval else "Дневное ограничение исчерпано"
    for path in ("/", f"/mailings/{sent.pk}/"):
        content = page.get(path).content.decode()
        assert told in content
        assert latin_words_of(content) == set()
    client.force_login(manager)
    assert latin_words_of(client.get(f"/users/{sent.owner_id}/").content.decode()) == set()
