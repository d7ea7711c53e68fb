"""What a launched mailing's page says of what went out, and the content as it was frozen."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from core.models import User
from mailer.delivery.transitions import change_status
from mailer.models import Attachment, Mailing, Message
from tests.support.mailings import make_mailing, make_recipients

pytestmark = pytest.mark.django_db

BODY = '<p>Dear {{ recipient.full_name | default: "friend" }}</p><img src="cid:a@inline">'


@pytest.fixture
def mailing(owner: User, settings: Any) -> Mailing:
    """Launched; its message and the site's sender have been changed since."""
    make_recipients(owner, "ana@example.org")
    settings.DEFAULT_FROM_EMAIL = "Our Club <news@example.com>"
    draft = make_mailing(owner, subject="Hi {{ recipient.full_name }}")
    Mailing.objects.update(reply_to="desk@example.com")
    Message.objects.filter(pk=draft.message_id).update(kind="html", body=BODY)
    Attachment.objects.create(
        message=draft.message, name="a.png", content_type="image/png", content_id="a@inline", size=1, data=b"x"
    )
    launched = change_status(draft.pk, "start", owner)
    Message.objects.update(subject="Another", body="<p>Rewritten</p>")
    Attachment.objects.all().delete()
    settings.DEFAULT_FROM_EMAIL = "Elsewhere <other@example.com>"
    return launched


def text_of(page: Client, path: str, **asked: str) -> str:
    response = page.get(path, asked)
    assert response.status_code == 200
    return response.content.decode()


def test_the_mailings_page_says_what_goes_out_from_whom_and_to_whom(page: Client, mailing: Mailing) -> None:
    text = text_of(page, f"/mailings/{mailing.pk}/")
    for words in (
        "Our Club &lt;news@example.com&gt;",
        "Replies go to desk@example.com",
        f'<a href="/mailings/{mailing.pk}/deliveries/">Everyone</a>',
        f'href="/messages/{mailing.message_id}/"',
        f'href="/mailings/{mailing.pk}/content/"',
    ):
        assert words in text, words
    Mailing.objects.update(everyone=False)
    assert ">Chosen recipients</a>" in text_of(page, f"/mailings/{mailing.pk}/")


def test_the_content_is_shown_as_it_was_frozen(page: Client, mailing: Mailing) -> None:
    text = text_of(page, f"/mailings/{mailing.pk}/content/")
    assert "Hi {{ recipient.full_name }}" in text
    assert "a.png" in text
    path = f"/mailings/{mailing.pk}/content/preview/"
    assert f'src="{path}?recipient=' in text
    assert "<p>Dear friend</p>" in text_of(page, path, recipient="bare")
    assert "Dear friend" in text_of(page, path, recipient="bare", view="text")
    checks = text_of(page, path, view="checks")
    assert "Hi Ana Novák" in checks
    assert "warnings" not in checks


def test_its_pictures_are_those_that_were_frozen(page: Client, mailing: Mailing) -> None:
    text = text_of(page, f"/mailings/{mailing.pk}/content/preview/")
    address = text.partition('<img src="')[2].partition('"')[0]
    response = page.get(address)
    assert (response.content, response["Content-Type"]) == (b"x", "image/png")


def test_its_preview_is_fenced_in(page: Client, mailing: Mailing) -> None:
    response = page.get(f"/mailings/{mailing.pk}/content/preview/")
    assert response["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert response["X-Frame-Options"] == "SAMEORIGIN"


def test_what_has_not_been_launched_has_no_frozen_content(page: Client, owner: User) -> None:
    draft = make_mailing(owner)
    assert page.get(f"/mailings/{draft.pk}/content/").status_code == 404
    assert page.get(f"/mailings/{draft.pk}/content/preview/").status_code == 404
