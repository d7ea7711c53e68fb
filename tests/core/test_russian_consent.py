"""Unsubscribing, and the stop list: in Russian, for strangers and for owners."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from core.models import User
from mailer.models import AuditEntry, Delivery, Mailing, Suppression
from mailer.signing import unsubscribe_token
from tests.support.mailings import make_mailing
from tests.support.russian import a_reader, a_sent_mailing, all_is_well
from tests.support.suppressions import suppress_for
from tests.support.visible import latin_words_of

pytestmark = pytest.mark.django_db

LIST, ADD = "/suppressions/", "/suppressions/add/"


@pytest.fixture
def sent(owner: User, settings: Any) -> Mailing:
    settings.DEFAULT_FROM_EMAIL = "Наш клуб <news@example.com>"
    mailing = a_sent_mailing(a_reader(owner))
    all_is_well()
    return mailing


@pytest.fixture
def page(sent: Mailing, client: Client) -> Client:
    client.force_login(sent.owner)
    return client


@pytest.fixture
def link(sent: Mailing) -> str:
    return f"/u/{unsubscribe_token(Delivery.objects.filter(mailing=sent, state='sent').get().pk)}/"


def russian(response: Any, *data: str, status: int = 200) -> str:
    """The page, which is in Russian but for the data."""
    content: str = response.content.decode()
    assert response.status_code == status
    assert '<html lang="ru">' in content
    assert latin_words_of(content) - set(data) == set()
    return content


def test_whoever_unsubscribes_reads_russian(link: str) -> None:
    visitor = Client(headers={"accept-language": "ru"})
    assert "Хотите отписаться?" in russian(visitor.get(link))
    for response in (visitor.post(link, {"act": "unsubscribe"}), visitor.get(link)):
        content = russian(response)
        assert "Вы отписались" in content
        assert "Рассылки отправителя <strong>Наш клуб</strong> больше не будут приходить" in content
    russian(visitor.post(link, {"act": "tell", "words": "я" * 501}))
    assert "Спасибо за ваш ответ" in russian(visitor.post(link, {"act": "tell", "why": "too_many"}))
    assert "снова будете получать" in russian(visitor.post(link, {"act": "undo"}))
    assert "Это образец" in russian(visitor.get(f"/u/{unsubscribe_token(0)}/"))
    assert "Ссылка неполная" in russian(visitor.get("/u/abc/"), status=404)


def test_the_list_tells_every_reason_in_russian(sent: Mailing, page: Client, link: str) -> None:
    for reason in Suppression.Reason.values:
        suppress_for(sent.owner, f"{reason}@example.com", reason=reason)
    Client().post(link, {"act": "unsubscribe"})
    Client().post(link, {"act": "tell", "why": "never_asked", "words": "Откуда у вас мой адрес?"})
    content = russian(page.get(LIST))
    for words in (
        "Отписка",
        "Адреса нет",
        "Жалоба",
        "Вручную",
        "Импорт",
        "по ссылке из письма «Новости»",
        "подписали без",
    ):
        assert words in content
    for one in Suppression.objects.all():
        russian(page.get(f"{LIST}{one.pk}/"))
    russian(page.get(LIST, {"q": "никто"}))


def test_an_empty_list_is_told_in_russian(page: Client) -> None:
    Suppression.objects.all().delete()
    assert "Стоп-лист пуст" in russian(page.get(LIST))


def test_adding_addresses_is_told_in_russian(page: Client) -> None:
    assert "Добавить в стоп-лист" in russian(page.get(ADD))
    content = russian(page.post(ADD, {"pasted": "a@example.com\nникто\n", "reason": "complaint"}))
    assert "Эти строки не приняты" in content
    russian(page.post(ADD, {}))


def test_lifting_is_told_in_russian(sent: Mailing, page: Client, link: str) -> None:
    suppress_for(sent.owner, "a@example.com", reason="complaint")
    suppress_for(sent.owner, "a@example.com", reason="imported")
    path = f"{LIST}{Suppression.objects.latest('pk').pk}/"
    assert "ещё по\xa01 причине" in russian(page.get(path))
    russian(page.post(f"{path}lift/", {"why": ""}))
    assert "Запрет снят" in russian(page.post(f"{path}lift/", {"why": "Попросил сам"}, follow=True))
    assert "Запрет уже был снят" in russian(page.post(f"{path}lift/", {"why": "Ещё раз"}, follow=True))
    for act in ("unsubscribe", "undo"):
        Client().post(link, {"act": act})
    assert "самим получателем" in russian(page.get(f"{LIST}{Suppression.objects.latest('pk').pk}/"))
    assert "Запрет снят" in russian(page.get(LIST, {"reason": "lifted"}))
    assert AuditEntry.objects.filter(action="lift").exists()


def test_who_is_skipped_and_why_is_told_in_russian(sent: Mailing, page: Client) -> None:
    for owner, number in ((sent.owner, 0), (None, 2)):
        suppress_for(owner, f"p{number}@example.com", reason="unsubscribed")
    mailing = make_mailing(sent.owner, subject="Ещё", body="Здравствуйте")
    path = f"/mailings/{mailing.pk}/"
    page.post(f"{path}start/")
    content = russian(page.get(path))
    assert "пропущено" in content
    for words in ("Получатель отписался", "Адрес в стоп-листе сайта"):
        assert words in content
    for delivery in Delivery.objects.filter(mailing=mailing, state="skipped"):
        russian(page.get(f"{path}deliveries/{delivery.pk}/"))
        russian(page.get(f"/recipients/{delivery.recipient_id}/"))
    russian(page.get("/recipients/"))


def test_the_whole_sites_list_is_told_in_russian(sent: Mailing, page: Client) -> None:
    User.objects.filter(pk=sent.owner_id).update(is_superuser=True)
    suppress_for(None, "a@example.com")
    for path in (f"{LIST}?whose=site", f"{LIST}?whose=everybody", f"{ADD}?whose=site"):
        russian(page.get(path))
    assert "для всего сайта" in russian(page.get(f"{LIST}{Suppression.objects.latest('pk').pk}/"))
