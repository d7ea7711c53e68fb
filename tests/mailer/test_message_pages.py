from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import AsyncClient, Client

from core.models import User
from mailer.delivery.transitions import change_status
from mailer.models import Mailing, Message
from tests.support.mailings import make_mailing, make_recipients

pytestmark = pytest.mark.django_db

SignedIn = Callable[[User], AsyncClient]
HOSTILE = "<script>alert(1)</script> & “quotes”"


@pytest.fixture
def message(owner: User) -> Message:
    return Message.objects.create(owner=owner, subject=HOSTILE, body="Dear {{ recipient.full_name }}")


async def test_it_lists_and_searches_ones_own(
    owner: User, stranger: User, message: Message, signed_in: SignedIn
) -> None:
    page = (await signed_in(owner).get("/messages/?q=script DEAR")).content.decode()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
    assert "Nothing found" in (await signed_in(owner).get("/messages/?q=absent")).content.decode()
    assert "No messages yet" in (await signed_in(stranger).get("/messages/")).content.decode()


async def test_it_saves_what_works(owner: User, signed_in: SignedIn) -> None:
    form = {"subject": "Hello {{ recipient.full_name | default: 'friend' }}", "body": "Dear {{ recipient.email }}"}
    response = await signed_in(owner).post("/messages/new/", form)
    message = await Message.objects.aget()
    assert response["Location"] == f"/messages/{message.pk}/"
    assert (message.owner_id, message.subject) == (owner.pk, form["subject"])


@pytest.mark.parametrize(
    ("field", "text", "complaint"),
    [
        ("body", "fine\n{{ recipient.full_name | ", "Line 2"),
        ("body", "fine\n\n{% if %}", "Line 3"),
        ("body", "a\n{{ recipient.full_name | shout }}", "Line 2: unknown filter"),
        ("body", "{{ recipient.shoe_size }}", "Unknown merge tags: recipient.shoe_size"),
        ("body", "{% include 'other' %}", "Line 1"),
        ("body", "{{ 1 | divided_by: 0 }}", "divided"),
        ("body", "{% if recipient.comment == '' %}\n{{ 1 | divided_by: 0 }}{% endif %}", "Line 2: divided"),
        ("body", "{% if false %}{{ 'a' | replace }}{% endif %}", "Line 1: replace: missing"),
        ("body", "{{ recipient.full_name_of_mother }}", "Unknown merge tags"),
        ("subject", "one\nBcc: victim@example.com", "one line"),
        ("subject", "{{ nobody.home }}", "Unknown merge tags"),
        ("subject", "x" * 301, "300"),
        ("body", "", "required"),
    ],
)
async def test_it_says_what_is_wrong_and_loses_nothing(
    owner: User, signed_in: SignedIn, field: str, text: str, complaint: str
) -> None:
    form = {"subject": "Kept subject", "body": "Kept body"} | {field: text}
    response = await signed_in(owner).post("/messages/new/", form)
    assert response.status_code == 200
    assert complaint in " ".join(response.context["form"].errors[field])
    assert response.context["form"]["subject"].value() == form["subject"]
    assert response.context["form"]["body"].value() == form["body"]
    assert not await Message.objects.aexists()


def framed(client: Client, message: Message) -> str:
    """What the page of the message shows in its frame."""
    page = client.get(f"/messages/{message.pk}/").content.decode()
    frame = re.search(r'<iframe [^>]*\bsandbox [^>]*src="([^"]+)"', page)
    assert frame
    return client.get(frame[1]).content.decode()


def test_it_previews_as_an_example(owner: User, message: Message, client: Client) -> None:
    client.force_login(owner)
    assert "Dear Ana Novák" in framed(client, message)


def test_the_first_recipient_is_the_preview(owner: User, message: Message, client: Client) -> None:
    make_recipients(owner, "zoe@example.com")
    client.force_login(owner)
    assert "Dear Zoe" in framed(client, message)


async def test_one_without_a_subject_can_be_found(owner: User, signed_in: SignedIn) -> None:
    await Message.objects.acreate(owner=owner, body="x")
    assert "(no subject)</a>" in (await signed_in(owner).get("/messages/")).content.decode()


async def test_it_edits(owner: User, message: Message, signed_in: SignedIn) -> None:
    assert (await signed_in(owner).get(f"/messages/{message.pk}/edit/")).status_code == 200
    await signed_in(owner).post(f"/messages/{message.pk}/edit/", {"subject": "New", "body": "Body"})
    await message.arefresh_from_db()
    assert message.subject == "New"


async def test_it_asks_before_it_deletes(owner: User, message: Message, signed_in: SignedIn) -> None:
    assert "for good" in (await signed_in(owner).get(f"/messages/{message.pk}/delete/")).content.decode()
    assert await Message.objects.aexists()
    await signed_in(owner).post(f"/messages/{message.pk}/delete/")
    assert not await Message.objects.aexists()


def test_it_keeps_what_a_mailing_uses(owner: User, client: Client) -> None:
    mailing = make_mailing(owner)
    client.force_login(owner)
    response = client.post(f"/messages/{mailing.message_id}/delete/")
    assert response.status_code == 409
    link = f'<a href="/mailings/{mailing.pk}/">#{mailing.pk}</a>'
    assert f"while drafts use it: {link}. Delete them first." in response.content.decode()
    assert Message.objects.exists()


def test_it_is_kept_for_good_where_a_mailing_was_launched(owner: User, client: Client) -> None:
    make_recipients(owner, "ana@example.com")
    launched = change_status(make_mailing(owner).pk, "start", owner)
    Mailing.objects.create(
        owner=owner, message=launched.message, starts_at=launched.starts_at, ends_at=launched.ends_at
    )
    client.force_login(owner)
    text = client.get(f"/messages/{launched.message_id}/delete/").content.decode()
    link = f'<a href="/mailings/{launched.pk}/">#{launched.pk}</a>'
    assert f"It is kept, because mailings that have been launched are, and they use it: {link}." in text
    assert "Delete them first" not in text


@pytest.mark.parametrize("page", ["", "edit/", "delete/"])
async def test_a_stranger_finds_nothing(stranger: User, message: Message, signed_in: SignedIn, page: str) -> None:
    client = signed_in(stranger)
    assert (await client.get(f"/messages/{message.pk}/{page}")).status_code == 404
    assert (await client.post(f"/messages/{message.pk}/{page}", {"subject": "x", "body": "y"})).status_code in (
        404,
        405,
    )
    assert (await Message.objects.aget()).subject == HOSTILE


@pytest.mark.parametrize(
    "page", ["/messages/", "/messages/new/", "/messages/1/", "/recipients/", "/recipients/import/", "/mailings/"]
)
async def test_a_visitor_is_asked_to_sign_in(async_client: AsyncClient, page: str) -> None:
    response = await async_client.get(page)
    assert response["Location"] == f"/account/login/?next={page}"
