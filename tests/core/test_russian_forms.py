"""What forms answer, in Russian."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from core.models import User
from mailer.models import Mailing, Recipient
from tests.support.forms import opened
from tests.support.mailings import make_mailing
from tests.support.russian import a_reader, a_sent_mailing
from tests.support.visible import WORD, latin_words_of

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


@pytest.mark.parametrize("kind", ["message", "recipient", "mailing"])
def test_an_edit_conflict_is_told_in_russian(sent: Mailing, page: Client, kind: str) -> None:
    draft = make_mailing(sent.owner, subject="Черновик", body="Здравствуйте")
    one: Any = {"message": draft.message, "recipient": Recipient.objects.latest("pk"), "mailing": draft}[kind]
    path = reverse(f"{kind}_edit", args=[one.pk])
    typed = opened(page, path)
    changed: dict[str, Any] = {
        "message": {"subject": ""},
        "recipient": {"full_name": "", "comment": "другой"},
        "mailing": {"everyone": False, "message": sent.message_id},
    }
    rows = type(one)._default_manager.filter(pk=one.pk)
    rows.update(**changed[kind])
    assert "Заменить моим" in conflict(page.post(path, typed))
    if kind == "mailing":
        rows.update(status="sending")
        assert "была запущена" in conflict(page.post(path, typed))
    Mailing.objects.filter(pk=draft.pk).delete()
    rows.delete()
    assert "Сохранить отдельно" in conflict(page.post(path, typed))


def conflict(response: Any) -> str:
    """The page that tells of it, which is in Russian."""
    content: str = response.content.decode()
    assert response.status_code == 409
    assert latin_words_of(content) == set()
    return content


FORMS = [
    ("recipient_create", {"email": "никто", "full_name": "a\nb"}),
    ("recipient_create", {"email": "a b@example.com"}),
    ("recipient_create", {"email": "p1@example.com"}),
    ("recipient_create", {"email": ""}),
    ("recipient_import", {}),
    ("recipient_import", {"pasted": 'x@example..com\nнет\n"p@example.com\n'}),
    ("recipient_import", {"pasted": "p1@example.com,a,b,c\np1@example.com\np1@example.com\n"}),
    ("message_create", {"subject": "Привет", "body": "{{ recipient.full_name | shout }}"}),
    ("message_create", {"subject": "a\tb", "body": "{{ имя }}"}),
    ("message_create", {"subject": "", "body": ""}),
    ("mailing_create", {"starts_at": "2031-01-02T10:00", "ends_at": "2031-01-02T09:00", "audience": "x"}),
    ("mailing_create", {"starts_at": "когда-то", "ends_at": "2031-02-31T09:00"}),
    ("mailing_create", {"starts_at": "", "ends_at": "2001-01-01T09:00"}),
    ("settings", {"full_name": "я" * 201, "language": "tlh", "time_zone": "Луна"}),
    ("account_change_password", {"oldpassword": "нет", "password1": "1", "password2": "2"}),
    ("account_email", {"action_add": "", "email": "нет"}),
]


@pytest.mark.parametrize(("name", "data"), FORMS)
def test_what_is_wrong_with_a_form_is_told_in_russian(sent: Mailing, page: Client, name: str, data: Any) -> None:
    response = page.post(reverse(name), data)
    assert response.status_code == 200
    allowed = {"shout"} | set(WORD.findall(str(data)))
    assert latin_words_of(response.content.decode()) - allowed == set()


@pytest.mark.parametrize("name", ["account_login", "account_signup", "account_reset_password"])
def test_who_is_not_signed_in_is_answered_in_the_browsers_language(client: Client, name: str) -> None:
    wrong, headers = {"email": "нет", "login": "нет", "password1": "1"}, {"accept-language": "ru"}
    for response in (client.get(reverse(name), headers=headers), client.post(reverse(name), wrong, headers=headers)):
        content = response.content.decode()
        assert '<html lang="ru">' in content
        assert latin_words_of(content) == set()
