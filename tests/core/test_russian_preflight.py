"""What there is to know before a mailing goes out, who it comes from, and its tests: in Russian."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from core.clock import db_now
from core.models import User
from mailer.delivery.transport import SMTP_BACKEND
from mailer.models import Attachment, Mailing, Message, Recipient, SentTest, Worker
from tests.support.mailings import make_mailing
from tests.support.russian import a_reader, a_sent_mailing
from tests.support.suppressions import suppress_for
from tests.support.visible import WORD, latin_words_of

pytestmark = pytest.mark.django_db

BODY = (
    "<p>{{ recipient.full_name }} {{ recipient.comment }}</p><a href='nowhere'>а</a>"
    "<img src='http://example.com/a.png'>" + "<p>слова</p>" * 9_000
)
DATA = "example com org net nowhere http png html"


@pytest.fixture
def draft(owner: User, settings: Any) -> Mailing:
    """One that has everything against it that does not stop it."""
    cache.clear()
    settings.DEFAULT_FROM_EMAIL = "Наш клуб <news@example.com>"
    settings.EMAIL_BACKEND, settings.EMAIL_HOST = SMTP_BACKEND, ""
    a_sent_mailing(a_reader(owner))
    Recipient.objects.update(full_name="", comment="")
    mailing = make_mailing(owner, subject="Т" * 80, body="а")
    Message.objects.filter(pk=mailing.message_id).update(kind="html", body=BODY)
    Attachment.objects.create(message=mailing.message, name="а", content_type="a/b", size=8 * 1024 * 1024, data=b"x")
    return mailing


@pytest.fixture
def page(draft: Mailing, client: Client) -> Client:
    client.force_login(draft.owner)
    return client


def russian(response: Any, *data: str, status: int = 200) -> str:
    """The page, which is in Russian but for the data."""
    content: str = response.content.decode()
    assert response.status_code == status
    assert '<html lang="ru">' in content
    assert latin_words_of(content) - set(WORD.findall(DATA)) - set(data) == set()
    return content


def test_what_speaks_against_a_mailing_is_told_in_russian(draft: Mailing, page: Client, settings: Any) -> None:
    path = f"/mailings/{draft.pk}/"
    content = russian(page.get(f"{path}start/"))
    for words in ("Отправить сейчас 3 получателям?", "Сколько это займёт", "больше 102\xa0КБ"):
        assert words in content
    assert "Запланировать для 3 получателей?" in russian(page.get(f"{path}schedule/"))
    settings.DKIM_DOMAIN, settings.DKIM_KEY_FILE = "example.org", ["/nope.pem"]
    assert "DMARC такую подпись не засчитывает" in russian(page.get(f"{path}start/"))
    Worker.objects.all().update(trouble="")
    Message.objects.filter(pk=draft.message_id).update(subject="{{ recipient.comment }}")
    assert "тема оказывается пустой" in russian(page.get(f"{path}start/"))
    Mailing.objects.filter(pk=draft.pk).update(starts_at=db_now() - timedelta(hours=1), ends_at=db_now() + timedelta(1))
    assert "Окно отправки уже началось" in russian(page.get(f"{path}schedule/"))


def test_what_stops_a_mailing_is_told_in_russian(draft: Mailing, page: Client) -> None:
    path = f"/mailings/{draft.pk}/"
    Mailing.objects.filter(pk=draft.pk).update(
        from_address="gone@example.net", starts_at=db_now() - timedelta(hours=2), ends_at=db_now() - timedelta(hours=1)
    )
    suppress_for(draft.owner, *Recipient.objects.values_list("address_key", flat=True))
    content = russian(page.get(f"{path}schedule/"))
    for words in (
        "Отправить пока нельзя",
        "отправлять рассылки на этом сайте нельзя",
        "в стоп-листе: её никто не получит",
    ):
        assert words in content
    russian(page.get(f"{path}start/"))
    Recipient.objects.all().delete()
    assert "Отправлять некому" in russian(page.get(f"{path}start/"))
    Mailing.objects.filter(pk=draft.pk).update(everyone=False)
    assert "Выбрать получателей" in russian(page.get(f"{path}start/"))
    Message.objects.filter(pk=draft.message_id).update(body="{{ recipient.full_name | }}")
    assert "не хватает слова" in russian(page.get(f"{path}start/"))


def test_the_groups_of_people_are_told_in_russian(draft: Mailing, page: Client) -> None:
    suppress_for(draft.owner, "p0@example.com", reason="unsubscribed")
    path = f"/mailings/{draft.pk}/people/?group="
    assert "Получатель отписался. Эта рассылка им не отправляется." in russian(page.get(f"{path}unsubscribed"))
    assert "не заполнено «полное имя»" in russian(page.get(f"{path}empty-full_name"))
    assert "Здесь больше никого" in russian(page.get(f"{path}complaint"))


@pytest.mark.parametrize("approval", [True, False])
def test_what_a_new_account_may_send_is_told_in_russian(
    draft: Mailing, page: Client, settings: Any, approval: bool
) -> None:
    settings.NEW_ACCOUNT_DAILY_CAP, settings.SENDING_REQUIRES_APPROVAL = 2, approval
    User.objects.filter(pk=draft.owner_id).update(sending_allowed_at=None)
    told = "рассылка будет ждать" if approval else "примерно за\xa02\xa0дня"
    assert told in russian(page.get(f"/mailings/{draft.pk}/start/"))
    tried = page.post(f"/mailings/{draft.pk}/test/", {"addresses": "a@example.com, b@example.com, c@example.com"})
    assert ("менеджер не разрешит" if approval else "считая пробные: на сегодня осталось") in russian(tried)


def test_a_test_and_what_became_of_it_are_told_in_russian(draft: Mailing, page: Client) -> None:
    path = f"/mailings/{draft.pk}/test/"
    for status, code in (("success", 250), ("failure", 550), ("uncertain", None)):
        SentTest.objects.create(
            user=draft.owner,
            message=draft.message,
            mailing=draft,
            email="a@example.com",
            status=status,
            reply_code=code,
            server_response="The connection was lost",
            sent_at=db_now(),
        )
    content = russian(page.get(path), "The", "connection", "was", "lost")
    for words in ("принято", "не принято", "неизвестно", "с пометкой [Test] перед темой"):
        assert words in content
    for addresses in ("", "никто", ", ", ",".join(f"a{n}@example.com" for n in range(11))):
        russian(page.post(path, {"addresses": addresses}), "The", "connection", "was", "lost")
    suppress_for(draft.owner, "a@example.com")
    said = page.post(path, {"addresses": "a@example.com"}, follow=True)
    assert "пробное письмо не отправлено. Адрес в вашем стоп-листе." in russian(
        said, "The", "connection", "was", "lost"
    )
    russian(page.get(f"/messages/{draft.message_id}/test/"), "The", "connection", "was", "lost")


def test_the_sender_is_told_in_russian(draft: Mailing, page: Client, settings: Any) -> None:
    settings.FROM_ADDRESSES = ["news@example.com", "shop@example.com"]
    path = f"/mailings/{draft.pk}/"
    assert "Если оставить пустым — Наш клуб." in russian(page.get(f"{path}edit/"))
    russian(page.post(f"{path}edit/", {"from_address": "x@example.com", "reply_to": "никто", "from_name": "а\nб"}))
    Mailing.objects.filter(pk=draft.pk).update(reply_to="reply@example.com")
    assert "ответы приходят на reply@example.com" in russian(page.get(f"{path}start/"))
    russian(page.get(path))
