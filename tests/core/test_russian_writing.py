"""What the editor says of a message, its preview and its files: in Russian."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from core.models import User
from mailer.models import Message
from tests.support.russian import a_reader
from tests.support.visible import WORD, latin_words_of

pytestmark = pytest.mark.django_db

LINK = '<a href="{{ unsubscribe_url }}">Отписаться</a>'
PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 20
WARNED = [
    {"subject": "", "body": "Здравствуйте"},
    {"body": "<img src='https://example.com/a.png'>"},
    {"body": f"{LINK}<form></form><img src='cid:a@inline'><img src='data:image/png;base64,AA'>"},
    {"body": LINK + "<p>абвгдежзи</p>" * 10_000},
]
WRONG = [
    {"body": "а\n<p>{{ recipient.email | }}</p>"},
    {"body": "{{ recipient.shoe }}"},
    {"body": "{{ recipient.email"},
    {"body": "{% raw %} {{ а }}"},
    {"body": "{{ recipient.email {{ recipient.email }}"},
    {"body": f"{{{{ '{'я' * 1001}' }}}}"},
    {"body": "{{ 1 }}" * 1001},
    {"body": f"{{{{ recipient.email{'[' * 30} }}}}"},
    {"body": "{% for a in (1..100000) %}{% endfor %}"},
    {"body": "{% for a in (1..400) %}{% for b in (1..400) %}{{ a | upcase }}{% endfor %}{% endfor %}"},
    {"body": "{{ recipient.email | truncate: 'а' | plus }} {{ 'а"},
    {"body": "{% if recipient.email %}"},
    {"body": "{{ }}"},
    {"body": "{{ recipient,full_name | default: 'а }}"},
    {"body": "а\n<p {% if true %}id=a{% endif %}>а</p>"},
    {"body": "{% if true %}<script>{% endif %}</script>"},
    {"body": "а", "alternative": "{% comment %}"},
    {"body": "а", "subject": "{{ mailing.subject }}"},
]


@pytest.fixture
def reader(owner: User) -> User:
    return a_reader(owner)


@pytest.fixture
def message(reader: User) -> Message:
    return Message.objects.create(owner=reader, kind="html", subject="Новости", body="<p>Здравствуйте</p>")


@pytest.fixture
def page(reader: User, client: Client) -> Client:
    client.force_login(reader)
    return client


def russian(response: Any, *data: Any) -> str:
    """The page or the part, which is in Russian but for the data."""
    content: str = response.content.decode()
    assert response.status_code == 200
    assert latin_words_of(content) - {word for one in data for word in WORD.findall(str(one))} == set()
    return content


@pytest.mark.parametrize("written", [*WARNED, *WRONG])
def test_what_is_wrong_with_a_message_and_what_may_be_is_told_in_russian(page: Client, written: dict[str, str]) -> None:
    typed = {"subject": "Новости", "kind": "html", **written}
    checks = page.post("/messages/preview/", typed | {"view": "checks"})
    names = "endif href src style"
    assert "<li>" in russian(checks, typed, names)
    russian(page.post("/messages/preview/", typed), typed, names)


def test_a_saved_message_is_shown_in_russian(page: Client, message: Message) -> None:
    for path in (
        f"/messages/{message.pk}/",
        f"/messages/{message.pk}/edit/",
        "/messages/new/",
        "/messages/recipients/",
    ):
        assert "Получатель без имени" in russian(page.get(path))
    Message.objects.update(subject="")
    assert "(без темы)" in russian(page.get("/messages/"))
    assert "с теми же файлами" in russian(page.post(f"/messages/{message.pk}/duplicate/", follow=True))


def test_what_becomes_of_files_is_told_in_russian(page: Client, message: Message) -> None:
    files = {
        "logo.png": PNG,
        "пусто.txt": b"",
        "a.exe": b"x",
        "а.txt": b"MZ",
        "много.txt": b"x" * (10 * 1024 * 1024 + 1),
        "почти.txt": b"x" * (10 * 1024 * 1024),
        **{f"{n}.txt": b"x" for n in range(11)},
    }
    sent = [SimpleUploadedFile(name, data) for name, data in files.items()]
    response = page.post(f"/messages/{message.pk}/attachments/", {"files": sent, "fragment": "1"})
    data = (*files, "cid:logo@inline", "image/png text/plain")
    content = russian(response, *data)
    for words in (
        "пуст",
        "нельзя",
        "программы",
        "не больше 10,0\xa0МБ",
        "не помещается",
        "лишний",
        "Вставить",
        "Убрать",
    ):
        assert words in content
    for path in (f"/messages/{message.pk}/", f"/messages/{message.pk}/edit/"):
        russian(page.get(path), *data)


def test_a_message_that_can_t_be_saved_says_so_of_its_files_in_russian(page: Client) -> None:
    typed = {"subject": "а", "kind": "text", "body": "{{ а", "files": [SimpleUploadedFile("а.pdf", b"x")]}
    assert "выберите их ещё раз" in russian(page.post("/messages/new/", typed), "pdf")
