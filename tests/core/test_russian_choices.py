"""What was not sent, the choices about it, and why nothing moves: in Russian wherever it is asked or told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import Client

from core.clock import db_now
from core.models import User
from mailer.delivery.choices import MOVES
from mailer.delivery.transitions import change_status
from mailer.models import Decision, Delivery, Mailing, Suppression
from mailer.reasons import SENTENCES, StatusReason
from tests.support.russian import a_reader, a_sent_mailing, all_is_well, end_its_window, that_sent_twice
from tests.support.visible import latin_words_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(owner: User) -> Mailing:
    """One sent, one failed, one uncertain, and one that waits, with nobody suppressed any more."""
    mailing = a_sent_mailing(a_reader(owner))
    Suppression.objects.update(lifted_at=db_now())
    all_is_well()
    return mailing


@pytest.fixture
def page(sent: Mailing, client: Client) -> Client:
    client.force_login(sent.owner)
    return client


def russian(page: Client, path: str, data: dict[str, str] | None = None) -> str:
    """What the page shows, or where posting the data leads to."""
    response = page.get(path) if data is None else page.post(path, data, follow=True)
    content = response.content.decode()
    assert response.status_code == 200, path
    assert latin_words_of(content) == set(), path
    return content


def questions(mailing: Mailing) -> Iterator[str]:
    """The pages that ask: for each choice that there is a delivery for, about all, some and one."""
    path = f"/mailings/{mailing.pk}/"
    for choice, move in MOVES.items():
        for delivery in Delivery.objects.filter(mailing=mailing, state=move.source):
            yield from (f"{path}choose/{choice}/", f"{path}choose/{choice}/?q=p")
            yield f"{path}deliveries/{delivery.pk}/{choice}/"


def test_what_was_not_sent_is_told_in_russian(sent: Mailing, page: Client) -> None:
    end_its_window(sent)
    content = russian(page, f"/mailings/{sent.pk}/")
    for words in ("Что не отправлено", "отклонено", "с неизвестным исходом", "истекло", "Дослать остальным"):
        assert words in content
    for state in ("failed", "uncertain", "expired"):
        assert "/choose/" in russian(page, f"/mailings/{sent.pk}/deliveries/?state={state}")
        delivery = Delivery.objects.get(mailing=sent, state=state)
        russian(page, f"/mailings/{sent.pk}/deliveries/{delivery.pk}/")


def test_every_question_is_in_russian(sent: Mailing, page: Client) -> None:
    asked = list(questions(sent))
    assert len(asked) == 9
    for path in asked:
        assert "Будет записано" in russian(page, path)


def test_every_question_about_a_new_end_is_in_russian(sent: Mailing, page: Client) -> None:
    end_its_window(sent)
    asked = list(questions(sent))
    assert len(asked) == 12
    for path in asked:
        russian(page, path)
    sending = [path for path in asked if "treat_as_sent" not in path]
    for path in sending:
        assert "Выберите новое время окончания" in russian(page, path)
        assert "Это время уже прошло" in russian(page, path, {"seen": "0", "ends_at": "2001-01-01T00:00"})
    assert not Decision.objects.exists()


@pytest.mark.parametrize("of_one", [True, False])
@pytest.mark.parametrize("choice", MOVES)
def test_every_answer_is_in_russian(sent: Mailing, page: Client, choice: str, of_one: bool) -> None:
    end_its_window(sent)
    delivery = Delivery.objects.get(mailing=sent, state=MOVES[choice].source)
    path = f"/mailings/{sent.pk}/"
    about_one = f"{path}deliveries/{delivery.pk}/"
    asked = f"{about_one}{choice}/" if of_one else f"{path}choose/{choice}/"
    answer = {"seen": "0", "ends_at": "2031-01-01T00:00"}
    done = "считается отправленной" if choice == "treat_as_sent" else "снова в очереди"
    assert done in russian(page, asked, answer)
    assert "Больше делать нечего" in russian(page, asked, answer)
    assert "Доставка на адрес" in russian(page, path)
    assert "Решения" in russian(page, about_one)


def test_why_a_suppressed_one_is_not_tried_again_is_told_in_russian(sent: Mailing, page: Client) -> None:
    Suppression.objects.update(lifted_at=None)
    path, failed = f"/mailings/{sent.pk}/", Delivery.objects.get(mailing=sent, state="failed")
    for where in ("", "deliveries/?state=failed"):
        assert "в стоп-листе" in russian(page, path + where)
    of_one = f"{path}deliveries/{failed.pk}/"
    assert "в стоп-листе" in russian(page, of_one)
    assert "в стоп-листе" in russian(page, f"{of_one}retry_failed/", {"seen": "0"})


def test_a_delivery_that_may_have_arrived_twice_is_told_in_russian(sent: Mailing, page: Client) -> None:
    delivery = that_sent_twice(sent)
    assert "могло прийти дважды" in russian(page, f"/mailings/{sent.pk}/")
    assert delivery.email in russian(page, f"/mailings/{sent.pk}/deliveries/?state=twice")
    of_one = f"/mailings/{sent.pk}/deliveries/{delivery.pk}/"
    assert "могло прийти дважды" in russian(page, of_one)
    Decision.objects.update(actor=None, attempt_number=0)
    content = russian(page, of_one)
    assert "удалённый аккаунт" in content
    assert "до первой попытки" in content


def test_whether_another_try_follows_is_told_in_russian(sent: Mailing, page: Client) -> None:
    waiting, path = Delivery.objects.filter(mailing=sent, state="deferred"), f"/mailings/{sent.pk}/"
    waiting.update(next_attempt_at=db_now() + timedelta(minutes=5))
    assert "Следующая попытка" in russian(page, path)
    waiting.update(next_attempt_at=Mailing.objects.get(pk=sent.pk).ends_at)
    assert "не поместится" in russian(page, path)
    for ledger in ("deliveries/", f"deliveries/{waiting.get().pk}/"):
        assert "попыток больше не будет" in russian(page, path + ledger)


@pytest.mark.parametrize("code", SENTENCES)
def test_why_a_mailing_stopped_is_told_in_russian(sent: Mailing, page: Client, code: str) -> None:
    change_status(sent.pk, "pause", sent.owner, reason=StatusReason(code, "550 5.7.1 нельзя"))
    assert "Приостановлена из-за ошибки" in russian(page, f"/mailings/{sent.pk}/")
