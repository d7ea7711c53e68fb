"""What a visitor sees, and the pages of accounts, in Russian."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from core.invitations import invitation_path, invite
from core.models import User
from mailer.importing import import_recipients
from tests.conftest import PASSWORD
from tests.support.mailings import make_mailing
from tests.support.mails import last_mail, path_in
from tests.support.visible import latin_words_of

pytestmark = pytest.mark.django_db

NEW, GUEST = "new@example.com", "guest@example.com"
CHOSEN = "Xq7-plum-violet-91"
RESET, RESEND, INVITE, LOGIN = (
    reverse(name) for name in ("account_reset_password", "resend_confirmation", "invite_user", "account_login")
)


@pytest.fixture(autouse=True)
def no_counts(db: None) -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def visitor() -> Client:
    return Client(headers={"accept-language": "ru"})


@pytest.fixture
def reader(make_user: Any) -> User:
    user: User = make_user("reader@example.com", full_name="Ольга", language="ru", is_superuser=True)
    return user


@pytest.fixture
def page(reader: User) -> Client:
    client = Client()
    client.post(LOGIN, {"login": reader.email, "password": PASSWORD})
    return client


def russian(response: Any, status: int = 200) -> str:
    """The page, which is in Russian."""
    content: str = response.content.decode()
    assert response.status_code == status
    assert '<html lang="ru">' in content
    assert latin_words_of(content) == set()
    return content


def sign_up(client: Client) -> Any:
    form = {"email": NEW, "password1": CHOSEN, "password2": CHOSEN}
    return client.post(reverse("account_signup"), form, follow=True)


def test_the_visitors_home(visitor: Client, owner: User, settings: Any) -> None:
    import_recipients(owner, "a@example.com\n")
    make_mailing(owner)
    for settings.SIGNUP_ENABLED in (True, False):
        content = visitor.get("/").content.decode()
        server_said = "Ok queued as No such user here Try again later"
        assert latin_words_of(content) - set(server_said.split()) - {"fc"} == set()
        assert "Почтовые рассылки с вашего собственного сервера" in content


def test_signing_up_and_every_answer_of_its_link(visitor: Client, settings: Any) -> None:
    assert NEW in russian(sign_up(visitor))
    link = path_in(last_mail(NEW), "/account/confirm-email/")
    assert "это ваш адрес?" in russian(visitor.get(link))
    assert "подтверждён" in russian(visitor.post(link, follow=True))
    assert "уже подтверждён" in russian(visitor.get(link))
    assert "Ссылка не работает" in russian(visitor.get("/account/confirm-email/abc/"))
    russian(Client(headers={"accept-language": "ru"}).get("/account/confirm-email/"))
    settings.SIGNUP_ENABLED = False
    assert "Регистрация закрыта" in russian(visitor.get(reverse("account_signup")))


def test_what_is_said_when_a_form_or_an_address_is_refused(visitor: Client, reader: User) -> None:
    assert "Сеанс завершён" in russian(visitor.post("/messages/new/"), 403)
    assert "Здесь смотреть нечего" in russian(visitor.get("/language/", headers={"accept": "text/html"}), 405)
    checked = Client(enforce_csrf_checks=True, headers={"accept-language": "ru"})
    assert "Войти в новой вкладке" in russian(checked.post(LOGIN), 403)
    checked.force_login(reader)
    assert "отправьте форму ещё раз" in russian(checked.post("/messages/new/"), 403)


def test_asking_for_the_confirmation_again(visitor: Client) -> None:
    russian(visitor.get(RESEND))
    russian(visitor.post(RESEND, {"email": "нет"}))
    pages = [russian(visitor.post(RESEND, {"email": NEW}, follow=True)) for _ in range(8)]
    assert "Подождите десять минут" in pages[-1]


def test_setting_a_forgotten_password_anew(visitor: Client, reader: User) -> None:
    russian(visitor.get(RESET))
    assert "Проверьте почту" in russian(visitor.post(RESET, {"email": reader.email}, follow=True))
    link = path_in(last_mail(reader.email), RESET)
    form = visitor.get(link, follow=True)
    russian(form)
    path = form.redirect_chain[-1][0]
    russian(visitor.post(path, {"password1": "1", "password2": "2"}))
    assert "Новый пароль задан" in russian(visitor.post(path, {"password1": CHOSEN, "password2": CHOSEN}, follow=True))
    assert "уже воспользовались" in russian(Client(headers={"accept-language": "ru"}).get(link, follow=True))


def test_whoever_guesses_or_floods(visitor: Client, reader: User) -> None:
    guesses = [russian(visitor.post(LOGIN, {"login": reader.email, "password": "нет"})) for _ in range(6)]
    assert "Адрес или пароль неверны" in guesses[0]
    assert "Подождите пять минут" in guesses[-1]
    answers = [visitor.post(RESET, {"email": reader.email}) for _ in range(30)]
    assert "Слишком много попыток" in russian(answers[-1], 429)


def test_a_blocked_account(visitor: Client, reader: User) -> None:
    assert "заблокирован" in russian(visitor.get(reverse("account_inactive")))


def test_inviting_and_what_becomes_of_it(visitor: Client, page: Client, reader: User) -> None:
    russian(page.get(INVITE))
    russian(page.post(INVITE, {"email": reader.email}))
    assert GUEST in russian(page.post(INVITE, {"email": GUEST}, follow=True))
    assert "сначала выйдите" in russian(page.get(invitation_path(GUEST), follow=True))
    russian(visitor.get(invitation_path(GUEST), follow=True))
    assert "Ссылке больше 7 дней" in russian(visitor.get("/account/invitation/x/"), 410)
    invite(reader.email, reader)
    assert "уже воспользовались" in russian(visitor.get(invitation_path(reader.email)), 410)


def test_changing_ones_address_and_password(page: Client) -> None:
    path = reverse("account_email")
    russian(page.get(path))
    for data in (
        {"action_add": "", "email": NEW},
        {"action_send": "", "email": NEW},
        {"action_remove": "", "email": NEW},
    ):
        russian(page.post(path, data, follow=True))
    russian(page.get(reverse("account_reauthenticate")))
    change = reverse("account_change_password")
    form = {"oldpassword": PASSWORD, "password1": CHOSEN, "password2": CHOSEN}
    assert "Ваш пароль изменён" in russian(page.post(change, form, follow=True))
    russian(page.get(reverse("account_logout")))
    bye = page.post(reverse("account_logout"), follow=True, headers={"accept-language": "ru"})
    assert "Вы вышли" in bye.content.decode()
