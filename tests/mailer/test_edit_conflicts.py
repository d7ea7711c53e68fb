"""Two sessions edit the same thing: the second is told, loses nothing that it typed, and may win on purpose."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections, transaction
from django.test import Client

from core.models import User
from mailer.delivery.transitions import change_status
from mailer.models import AuditEntry, Mailing, Message, Recipient
from tests.support.forms import opened
from tests.support.mailings import make_mailing, make_recipients
from tests.support.waiting import wait_for_waiters, with_many_writers

pytestmark = pytest.mark.django_db

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def recipient(owner: User) -> Recipient:
    return make_recipients(owner, "ana@example.com")[0]


@pytest.fixture
def message(owner: User) -> Message:
    return Message.objects.create(owner=owner, subject="Spring", body="Hello\nyou")


@pytest.fixture
def mailing(owner: User, recipient: Recipient) -> Mailing:
    return make_mailing(owner)


def shown(response: Any) -> dict[str, Any]:
    """What the form that came back holds."""
    assert response.status_code == 409
    form = response.context["form"]
    return {bound.html_name: bound.value() for bound in form}


def test_whoever_saves_a_message_second_is_told_and_may_win_on_purpose(message: Message, page: Client) -> None:
    path = f"/messages/{message.pk}/edit/"
    mine, theirs = opened(page, path), opened(page, path)
    assert page.post(path, theirs | {"body": HOSTILE, "subject": "Summer"}).status_code == 302
    told = page.post(path, mine | {"body": "Hello all of you"})
    assert {"subject": "Spring", "body": "Hello all of you"}.items() <= shown(told).items()
    assert told.context["form"].saved_now == [("Subject", "Summer"), ("Body", HOSTILE)]
    content = told.content.decode()
    assert "This message was changed at " in content
    assert "&lt;script&gt;alert(1)" in content
    assert HOSTILE not in content
    assert "Replace with mine" in content
    message.refresh_from_db()
    assert (message.subject, message.body) == ("Summer", HOSTILE)
    assert page.post(path, shown(told)).status_code == 302
    message.refresh_from_db()
    assert (message.subject, message.body) == ("Spring", "Hello all of you")


def test_whoever_is_overtaken_again_is_told_again(message: Message, page: Client) -> None:
    path = f"/messages/{message.pk}/edit/"
    mine = opened(page, path)
    page.post(path, mine | {"body": "second"})
    told = shown(page.post(path, mine | {"body": "mine"}))
    page.post(path, opened(page, path) | {"body": "third"})
    again = page.post(path, told)
    assert again.context["form"].saved_now == [("Body", "third")]
    assert shown(again)["body"] == "mine"


def test_nothing_is_told_where_nothing_was_overtaken(message: Message, page: Client) -> None:
    path = f"/messages/{message.pk}/edit/"
    mine = opened(page, path)
    assert page.post(path, mine | {"body": ""}).status_code == 200
    Message.objects.update(subject="Summer", body="Hello\nyou")
    assert page.post(path, mine | {"subject": "Summer", "body": "Hello\r\nyou"}).status_code == 302


def test_a_mistake_and_a_conflict_are_told_together(message: Message, page: Client) -> None:
    path = f"/messages/{message.pk}/edit/"
    mine = opened(page, path)
    page.post(path, mine | {"subject": "Summer"})
    told = page.post(path, mine | {"body": "{{ nobody.home }}"})
    assert "Unknown merge tags" in str(told.context["form"].errors["body"])
    assert ("Subject", "Summer") in told.context["form"].saved_now
    assert page.post(path, shown(told) | {"body": "mended"}).status_code == 302


def test_a_recipient_edited_twice_is_told(recipient: Recipient, page: Client) -> None:
    path = f"/recipients/{recipient.pk}/edit/"
    mine = opened(page, path)
    page.post(path, mine | {"email": "ana@example.org", "comment": "met in May"})
    told = page.post(path, mine | {"full_name": "Ana Nova"})
    assert told.context["form"].saved_now == [
        ("Email", "ana@example.org"),
        ("Full name", "Ana"),
        ("Comment", "met in May"),
    ]
    assert page.post(path, shown(told)).status_code == 302
    recipient.refresh_from_db()
    assert (recipient.address_key, recipient.full_name, recipient.comment) == ("ana@example.com", "Ana Nova", "")


def test_a_mailing_edited_twice_is_told(mailing: Mailing, message: Message, page: Client, superuser: User) -> None:
    path = f"/mailings/{mailing.pk}/edit/"
    mine = opened(page, path)
    other = Client()
    other.force_login(superuser)
    theirs = opened(other, path) | {"message": str(message.pk), "audience": "chosen"}
    assert other.post(path, theirs).status_code == 302
    end = f"{mailing.ends_at + timedelta(days=2):%Y-%m-%dT%H:%M}"
    told = page.post(path, mine | {"ends_at": end})
    labels = dict(told.context["form"].saved_now)
    assert (labels["Message"], labels["To whom"]) == ("Spring", "Chosen recipients")
    assert "Ends" in labels
    assert shown(told)["ends_at"] == end
    assert not AuditEntry.objects.filter(actor=mailing.owner).exists()
    assert page.post(path, shown(told)).status_code == 302
    saved = Mailing.objects.get()
    assert (saved.everyone, saved.message_id, f"{saved.ends_at:%Y-%m-%dT%H:%M}") == (True, mailing.message_id, end)


def test_what_was_typed_outlives_a_launch(mailing: Mailing, owner: User, page: Client) -> None:
    path = f"/mailings/{mailing.pk}/edit/"
    mine = opened(page, path) | {"ends_at": f"{mailing.ends_at + timedelta(days=2):%Y-%m-%dT%H:%M}"}
    change_status(mailing.pk, "start", owner)
    told = page.post(path, mine)
    assert shown(told)["ends_at"] == mine["ends_at"]
    content = told.content.decode()
    assert "has been launched meanwhile" in content
    assert 'action="/mailings/new/"' in content
    assert Mailing.objects.get().ends_at == mailing.ends_at
    assert page.post("/mailings/new/", shown(told)).status_code == 302
    assert [m.status for m in Mailing.objects.order_by("pk")] == ["sending", "draft"]


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("message", {"body": "typed for an hour"}),
        ("recipient", {"full_name": "Ana Nova"}),
        ("mailing", {"ends_at": "2031-01-01T00:00"}),
    ],
)
def test_what_was_typed_outlives_a_deletion(
    request: pytest.FixtureRequest, page: Client, stranger: User, kind: str, change: dict[str, str]
) -> None:
    found = request.getfixturevalue(kind)
    path = f"/{kind}s/{found.pk}/edit/"
    mine = opened(page, path) | change
    type(found).objects.filter(pk=found.pk).delete()
    told = page.post(path, mine)
    assert change.items() <= shown(told).items()
    content = told.content.decode()
    assert "has been deleted meanwhile" in content
    assert f'action="/{kind}s/new/"' in content
    assert page.post(f"/{kind}s/new/", shown(told)).status_code == 302
    assert type(found).objects.get().owner_id == found.owner_id
    assert page.get(path).status_code == 404
    other = Client()
    other.force_login(stranger)
    for mark in ("", "forged:mark", mine["seen"] + "x"):
        assert other.post(path, mine | {"seen": mark}).status_code == 404


def test_a_stranger_learns_nothing_by_another_ones_mark(message: Message, page: Client, stranger: User) -> None:
    mine = opened(page, f"/messages/{message.pk}/edit/")
    other = Client()
    other.force_login(stranger)
    theirs = Message.objects.create(owner=stranger, subject="x", body="y")
    mark = opened(other, f"/messages/{theirs.pk}/edit/")["seen"]
    for pk in (message.pk, message.pk + 1000):
        assert other.post(f"/messages/{pk}/edit/", mine | {"seen": mark}).status_code == 404


def test_a_form_without_its_mark_is_saved(message: Message, page: Client) -> None:
    assert page.post(f"/messages/{message.pk}/edit/", {"subject": "By hand", "body": "x"}).status_code == 302


@pytest.mark.django_db(transaction=True)
@with_many_writers
@pytest.mark.parametrize("kind", ["message", "recipient", "mailing"])
def test_of_two_who_save_at_the_same_moment_one_is_told(
    request: pytest.FixtureRequest, owner: User, make_client: Callable[[], Client], kind: str
) -> None:
    found = request.getfixturevalue(kind)
    path = f"/{kind}s/{found.pk}/edit/"
    form = opened(make_client(), path)
    changes: dict[str, tuple[str, str, str]] = {
        "message": ("subject", "First", "Second"),
        "recipient": ("full_name", "First", "Second"),
        "mailing": ("ends_at", "2031-01-01T00:00", "2032-01-01T00:00"),
    }
    field, *values = changes[kind]

    def save(client: Client, value: str) -> int:
        try:
            return client.post(path, form | {field: value}).status_code
        finally:
            connections.close_all()

    clients = [make_client(), make_client()]
    with ThreadPoolExecutor(2) as threads:
        with transaction.atomic():
            type(found).objects.select_for_update().get(pk=found.pk)
            saving = [threads.submit(save, *one) for one in zip(clients, values, strict=True)]
            wait_for_waiters(2)
        assert sorted(future.result() for future in saving) == [302, 409]


@pytest.fixture
def make_client(owner: User) -> Callable[[], Client]:
    def make() -> Client:
        client = Client()
        client.force_login(owner)
        return client

    return make
