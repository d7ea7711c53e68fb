"""Nobody reaches somebody else's objects through a form, a bulk action, a query string or a nested address."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import pytest
from django.db import models, transaction
from django.forms import BaseForm, ModelChoiceField
from django.test import Client

import core.forms
import mailer.forms
from core.models import User
from mailer.models import Attachment, Delivery, Mailing, Message, Recipient, Suppression
from tests.support.addresses import OURS, address
from tests.support.belongings import belongings_of

pytestmark = pytest.mark.django_db

# Every form field that names an object, and so offers a choice. A new one belongs here, and into a test.
KNOWN = {("MailingForm", "message")}


def forms() -> Iterator[type[BaseForm]]:
    packages = (mailer.forms, core.forms)
    modules = [
        import_module(f"{package.__name__}.{found.name}")
        for package in packages
        for found in iter_modules(package.__path__)
    ]
    for module in modules:
        for _name, found in inspect.getmembers(module, inspect.isclass):
            if issubclass(found, BaseForm) and found.__module__ == module.__name__:
                yield found


def test_it_knows_every_field_that_names_an_object() -> None:
    fields = {
        (form.__name__, name)
        for form in forms()
        for name, field in getattr(form, "base_fields", {}).items()
        if isinstance(field, ModelChoiceField)
    }
    assert fields == KNOWN


@pytest.fixture
def page(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


@pytest.fixture
def theirs(stranger: User) -> dict[str, int]:
    return belongings_of(stranger)


@pytest.fixture
def mine(owner: User) -> dict[str, int]:
    return belongings_of(owner)


def window() -> dict[str, str]:
    return {"starts_at": "2030-01-01T09:00", "ends_at": "2030-01-02T09:00"}


def rows_of(user: User) -> list[list[dict[str, Any]]]:
    """All that somebody has, with every value."""
    owned: list[models.QuerySet[Any]] = [
        User.objects.filter(pk=user.pk),
        Message.objects.filter(owner=user),
        Attachment.objects.filter(message__owner=user),
        Recipient.objects.filter(owner=user),
        Mailing.objects.filter(owner=user),
        Suppression.objects.filter(owner=user),
        Delivery.objects.filter(mailing__owner=user),
        Mailing.recipients.through.objects.filter(mailing__owner=user),
    ]
    return [list(queryset.order_by("pk").values()) for queryset in owned]


@pytest.mark.parametrize("name", sorted(name for name in OURS if not name.startswith(("account_", "mailcatcher_"))))
def test_no_page_takes_them_from_a_post(
    name: str, page: Client, owner: User, stranger: User, mine: dict[str, int], theirs: dict[str, int]
) -> None:
    before = rows_of(stranger)
    smuggled = {word: str(pk) for word, pk in theirs.items()} | {"recipients": str(theirs["recipient"])}
    smuggled |= {"owner": str(stranger.pk), "pk": str(theirs["mailing"]), "id": str(theirs["mailing"])}
    valid = {"subject": "Hi", "body": "Hello", "email": "new@example.com", "why": "x", "audience": "chosen", **window()}
    for act in ("add", "add_all", "remove", "remove_all"):
        with transaction.atomic():
            page.post(address(name, mine), valid | smuggled | {"act": act})
            assert rows_of(stranger) == before
            assert not Mailing.objects.filter(owner=owner, message__owner=stranger).exists()
            assert not Mailing.objects.filter(owner=owner, recipients__owner=stranger).exists()
            transaction.set_rollback(True)


def test_the_message_of_a_mailing_is_ones_own(page: Client, mine: dict[str, int], theirs: dict[str, int]) -> None:
    data = {"message": theirs["message"], "audience": "everyone", **window()}
    for path in ("new/", f"{mine['mailing']}/edit/"):
        response = page.post(f"/mailings/{path}", data)
        assert response.status_code == 200
        assert "message" in response.context["form"].errors
        offered = [key for key, _label in response.context["form"].fields["message"].choices]
        assert theirs["message"] not in offered
    assert page.get(f"/mailings/new/?message={theirs['message']}").status_code == 404


def test_an_audience_is_of_ones_own_recipients(page: Client, mine: dict[str, int], theirs: dict[str, int]) -> None:
    path = f"/mailings/{mine['mailing']}/audience/"
    page.post(path, {"act": "add", "recipient": [theirs["recipient"], mine["recipient"]]})
    assert list(Mailing.recipients.through.objects.values_list("recipient", flat=True)) == [mine["recipient"]]
    assert len(page.get(f"{path}?q=secret").context["page"].rows) == 1


def test_a_delivery_is_found_under_its_own_mailing_alone(
    page: Client, mine: dict[str, int], theirs: dict[str, int]
) -> None:
    assert page.get(f"/mailings/{mine['sending']}/deliveries/{mine['delivery']}/").status_code == 200
    assert page.get(f"/mailings/{mine['sending']}/deliveries/{theirs['delivery']}/").status_code == 404
    assert page.get(f"/mailings/{theirs['sending']}/deliveries/{mine['delivery']}/").status_code == 404


def test_a_file_is_found_under_its_own_message_alone(
    page: Client, mine: dict[str, int], theirs: dict[str, int]
) -> None:
    assert page.get(f"/messages/{mine['message']}/attachments/{mine['attachment']}/").status_code == 200
    for message, attachment in ((mine, theirs), (theirs, mine)):
        path = f"/messages/{message['message']}/attachments/{attachment['attachment']}/"
        assert page.get(path).status_code == 404
        page.post(f"{path}remove/")
    assert Attachment.objects.count() == 2


def test_a_preview_is_filled_in_with_ones_own_recipient_alone(
    page: Client, mine: dict[str, int], theirs: dict[str, int]
) -> None:
    typed = {"subject": "x", "kind": "text", "body": "To {{ recipient.email }}"}
    path = f"/messages/{mine['message']}/preview/"
    for url in (path, "/messages/preview/"):
        assert b"secret@example.com" in page.post(url, typed | {"recipient": mine["recipient"]}).content
        assert b"ana@example.com" in page.post(url, typed | {"recipient": theirs["recipient"]}).content
    assert page.get(f"/messages/{theirs['message']}/recipients/?q=secret").status_code == 404
    assert page.get("/messages/recipients/?q=secret").content.count(b"secret@") == 1


@pytest.mark.parametrize("path", ["mailings", "messages", "recipients", "suppressions"])
def test_a_search_finds_ones_own_alone(page: Client, theirs: dict[str, int], path: str) -> None:
    for query in ("?q=private", "?q=secret", "?q=hidden&whose=everybody", "?q=nobody&whose=site"):
        assert page.get(f"/{path}/{query}").context["page"].rows == []
