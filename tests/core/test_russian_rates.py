"""How fast mail goes out: in Russian, with the right forms of its words."""

from __future__ import annotations

import pytest
from django.test import Client

from core.models import User
from mailer.models import Mailing
from mailer.rates import MINUTE, SECOND, Rate
from mailer.throttling import set_rate
from tests.support.russian import a_reader, a_sent_mailing, all_is_well
from tests.support.visible import latin_words_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(owner: User) -> Mailing:
    User.objects.filter(pk=owner.pk).update(is_superuser=True)
    owner.refresh_from_db()
    mailing = a_sent_mailing(a_reader(owner))
    all_is_well()
    return mailing


@pytest.fixture
def page(sent: Mailing, client: Client) -> Client:
    client.force_login(sent.owner)
    return client


def russian(page: Client, path: str) -> str:
    content = page.get(path).content.decode()
    assert latin_words_of(content) == set()
    return content


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (Rate(1, SECOND), "1 письмо в секунду"),
        (Rate(2, MINUTE), "2 письма в минуту"),
        (Rate(11, SECOND), "11 писем в секунду"),
        (Rate(1_021, MINUTE), "1\xa0021 письмо в минуту"),
    ],
)
def test_a_mailings_rate_is_told_in_russian(sent: Mailing, page: Client, rate: Rate, words: str) -> None:
    path = f"/mailings/{sent.pk}/"
    assert "Так быстро, как принимает почтовый сервер" in russian(page, path)
    set_rate(sent.owner, rate, sent)
    assert f"Ограничение — {words}." in russian(page, path)
    assert "изменена скорость отправки" in russian(page, path)
    set_rate(sent.owner, None, sent)
    assert f"{words} → без ограничения" in russian(page, path)


def test_the_sites_rate_is_told_in_russian(sent: Mailing, page: Client) -> None:
    set_rate(sent.owner, Rate(3, SECOND), None)
    for path in (f"/mailings/{sent.pk}/", f"/mailings/{sent.pk}/rate/"):
        assert "Ограничение всего сайта — 3 письма в секунду." in russian(page, path)
    assert "без ограничения → 3 письма в секунду" in russian(page, "/sending-rate/")


def test_a_rate_that_is_none_is_refused_in_russian(sent: Mailing, page: Client) -> None:
    for path in (f"/mailings/{sent.pk}/rate/", "/sending-rate/"):
        for most in ("0", "100001", "много"):
            assert latin_words_of(page.post(path, {"most": most}).content.decode()) == set()
