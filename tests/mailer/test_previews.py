"""The preview: what a recipient would get, of what is saved or typed, and nothing that could do harm."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import AsyncClient, Client

from core.models import User
from mailer.delivery.transitions import change_status
from mailer.models import Attachment, Message, Recipient
from mailer.signing import unsubscribe_url
from tests.support.mailings import make_mailing, make_recipients

pytestmark = pytest.mark.django_db

BODY = (
    '<style>p { color: red }</style><p>Dear {{ recipient.full_name | default: "friend" }}</p><img src="cid:a@inline">'
)


@pytest.fixture
def ana(owner: User) -> Recipient:
    return make_recipients(owner, "ana@example.org", "zoe@example.org")[0]


@pytest.fixture
def message(owner: User) -> Message:
    return Message.objects.create(owner=owner, kind="html", subject="Hi {{ recipient.full_name }}", body=BODY)


def test_it_shows_what_is_saved_to_whom_one_chooses(page: Client, message: Message, ana: Recipient) -> None:
    path = f"/messages/{message.pk}/preview/"
    assert '<p style="color: red;">Dear Ana</p>' in page.get(path, {"recipient": str(ana.pk)}).content.decode()
    assert "Dear friend" in page.get(path, {"recipient": "bare"}).content.decode()
    assert "Dear Ana Novák" in page.get(path, {"recipient": "9" * 30}).content.decode()
    assert page.get(path, {"recipient": str(ana.pk), "view": "text"}).content.decode().count("Dear Ana") == 1
    source = page.get(path, {"recipient": str(ana.pk), "view": "source"})
    assert source["Content-Type"] == "text/plain; charset=utf-8"
    assert '<p style="color: red;">Dear Ana</p>' in source.content.decode()


def test_its_link_to_unsubscribe_leads_to_the_page_of_a_sample(page: Client, message: Message) -> None:
    link = unsubscribe_url(0)
    message.body = '<a href="{{ unsubscribe_url }}">Leave</a>'
    message.save()
    assert f'href="{link}"' in page.get(f"/messages/{message.pk}/preview/").content.decode()
    assert "sample" in page.get(urlsplit(link).path).content.decode()


def test_what_is_typed_is_shown_and_saved_nowhere(page: Client, message: Message) -> None:
    typed = {"subject": "New", "kind": "markdown", "body": "*new* {{ recipient.email }}", "recipient": "example"}
    for path in (f"/messages/{message.pk}/preview/", "/messages/preview/"):
        shown = page.post(path, typed).content.decode()
        assert "<em>new</em> ana@example.com" in shown
        checks = page.post(path, typed | {"view": "checks"}).content.decode()
        assert "<strong>New</strong>" in checks
        assert "no unsubscribe link" in checks
    assert Message.objects.get().body == BODY


def test_two_windows_do_not_disturb_each_other(page: Client, message: Message) -> None:
    path = f"/messages/{message.pk}/preview/"
    for body in ("one", "two", "one"):
        assert body in page.post(path, {"kind": "text", "body": body}).content.decode()


@pytest.mark.parametrize("view", ["html", "text", "source", "made"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_every_answer_is_fenced_in(page: Client, message: Message, view: str, method: str) -> None:
    response: Any = getattr(page, method)(f"/messages/{message.pk}/preview/", {"view": view})
    policy = response["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:")
    assert "frame-ancestors 'self'" in policy
    assert "allow-" not in policy
    assert "script-src" not in policy
    assert "https:" not in policy
    assert (response["X-Frame-Options"], response["X-Content-Type-Options"]) == ("SAMEORIGIN", "nosniff")
    assert response["Referrer-Policy"] == "no-referrer"
    assert "no-store" in response["Cache-Control"]


def test_pictures_of_other_sites_are_loaded_when_one_asks(page: Client, message: Message) -> None:
    response = page.get(f"/messages/{message.pk}/preview/", {"pictures": "1"})
    assert "img-src data: http://testserver/messages/pictures/ https:;" in response["Content-Security-Policy"]


def test_attached_pictures_are_shown(page: Client, message: Message) -> None:
    path = f"/messages/{message.pk}/preview/"
    assert '<img src="data:,">' in page.get(path).content.decode()
    Attachment.objects.create(
        message=message, name="a.png", content_type="image/png", content_id="a@inline", size=1, data=b"x"
    )
    assert '<img src="/messages/pictures/' in page.get(path).content.decode()


@pytest.mark.parametrize("kind", ["text", "markdown", "html"])
def test_it_says_what_is_wrong_in_place_of_the_mail(page: Client, message: Message, kind: str) -> None:
    typed = {"subject": "x", "kind": kind, "body": "one\n<b>{{ recipient.email | }}</b>"}
    response = page.post(f"/messages/{message.pk}/preview/", typed)
    assert response.status_code == 200
    assert "Line 2" in response.content.decode()
    assert response["Content-Security-Policy"].startswith("sandbox")


def test_recipients_are_found_by_words(page: Client, message: Message, ana: Recipient) -> None:
    found = page.get(f"/messages/{message.pk}/recipients/?q=zoe").content.decode()
    assert "zoe@example.org" in found
    assert "ana@example.org" not in found
    assert 'value="bare"' in found


async def test_a_manager_sees_it_and_types_nothing(manager: User, message: Message, async_client: AsyncClient) -> None:
    await async_client.aforce_login(manager)
    assert (await async_client.get(f"/messages/{message.pk}/preview/")).status_code == 200
    assert (await async_client.post(f"/messages/{message.pk}/preview/", {"body": "x"})).status_code == 404


def test_both_forms_are_frozen_at_launch(owner: User, message: Message, ana: Recipient) -> None:
    mailing = make_mailing(owner)
    mailing.message = message
    mailing.save()
    content = change_status(mailing.pk, "start", owner).content
    assert content.body == 'Dear {{ recipient.full_name | default: "friend" }}\n'
    assert '<p style="color: red;">Dear {{ recipient.full_name | default: "friend" }}</p>' in content.html
    Message.objects.update(body="other")
    content.refresh_from_db()
    assert "other" not in content.html
    plain = change_status(make_mailing(owner, body="a <b> {{ recipient.email }}").pk, "start", owner).content
    assert (plain.body, plain.html) == ("a <b> {{ recipient.email }}", "")
