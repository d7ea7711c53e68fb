"""Language and time zone: the browser's, the switch's, the account's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import AsyncClient, Client
from django.utils import timezone, translation

from core.models import User
from core.preferences import zone_of
from mailer.models import Mailing
from tests.conftest import PASSWORD
from tests.support.mailings import make_mailing
from tests.support.mails import last_mail

pytestmark = pytest.mark.django_db

SIGN_IN, SETTINGS, SWITCH = "/account/login/", "/settings/", "/language/"
NEW = "Xq7-plum-violet-91"


def language_of(client: Client, path: str = SIGN_IN, **headers: str) -> str:
    response = client.get(path, headers=headers)
    content = response.content.decode()
    assert f'<html lang="{response["Content-Language"]}">' in content
    return str(response["Content-Language"])


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("ru", "ru"), ("ru-RU,ru;q=0.9", "ru"), ("de, en;q=0.5", "en"), ("", "en"), ("\x7f", "en")],
)
def test_it_speaks_the_browsers_language(client: Client, accepted: str, language: str) -> None:
    assert language_of(client, **{"accept-language": accepted}) == language


def test_the_switch_is_remembered_for_a_year_and_leads_back(client: Client) -> None:
    response = client.post(SWITCH, {"language": "ru", "next": "/account/signup/?next=/messages/"})
    assert response["Location"] == "/account/signup/?next=/messages/"
    assert response.cookies["django_language"]["max-age"] == 365 * 24 * 3600
    assert language_of(client, **{"accept-language": "en"}) == "ru"


@pytest.mark.parametrize("language", ["tlh", "", "ru\r\nX: y", "../../etc"])
def test_the_switch_takes_only_what_the_site_speaks(client: Client, owner: User, language: str) -> None:
    client.force_login(owner)
    assert client.post(SWITCH, {"language": language, "next": "https://evil.example/"})["Location"] == "/"
    owner.refresh_from_db()
    assert owner.language == ""
    assert language_of(client, "/") == "en"


def test_the_switch_takes_a_post_with_its_token(client: Client) -> None:
    assert client.get(SWITCH).status_code == 405
    assert Client(enforce_csrf_checks=True).post(SWITCH, {"language": "ru"}).status_code == 403


def test_the_switch_stands_on_every_page(client: Client, owner: User) -> None:
    for path in (SIGN_IN, "/nope/?x=1"):
        page = client.get(path).content.decode()
        assert f'action="{SWITCH}"' in page
        assert f'name="next" value="{path}"' in page
        assert "Русский</button>" in page


def test_an_accounts_language_follows_it_to_another_machine(client: Client, owner: User) -> None:
    client.force_login(owner)
    client.post(SWITCH, {"language": "ru", "next": "/"})
    other = Client(headers={"accept-language": "en"})
    assert language_of(other) == "en"
    other.post(SIGN_IN, {"login": owner.email, "password": PASSWORD})
    assert language_of(other, "/") == "ru"


def test_a_new_account_keeps_the_browsers_language(client: Client) -> None:
    form = {"email": "new@example.com", "password1": NEW, "password2": NEW}
    client.post("/account/signup/", form, headers={"accept-language": "ru"})
    assert User.objects.get(email="new@example.com").language == "ru"


def test_an_accounts_mails_come_in_its_language_whoever_asks(client: Client, owner: User) -> None:
    owner.language = "ru"
    owner.save()
    client.post("/account/password/reset/", {"email": "OWNER@example.com"}, headers={"accept-language": "en"})
    assert "новый пароль" in last_mail(owner.email).body
    client.post("/account/password/reset/", {"email": "nobody@example.com"}, headers={"accept-language": "en"})
    assert "has tried to reach an account" in last_mail("nobody@example.com").body


def test_settings_are_kept(client: Client, owner: User) -> None:
    client.force_login(owner)
    assert "Europe/Berlin" in client.get(SETTINGS).content.decode()
    response = client.post(
        SETTINGS, {"full_name": "Ольга", "language": "ru", "time_zone": "Europe/Berlin"}, follow=True
    )
    owner.refresh_from_db()
    assert (owner.full_name, owner.language, owner.time_zone) == ("Ольга", "ru", "Europe/Berlin")
    assert "Сохранено." in response.content.decode()


@pytest.mark.parametrize(
    ("field", "value"), [("full_name", "a\nb"), ("language", "tlh"), ("time_zone", "Moon/Tranquility")]
)
def test_it_says_what_is_wrong_with_settings(client: Client, owner: User, field: str, value: str) -> None:
    client.force_login(owner)
    form = {"full_name": "Olga", "language": "ru", "time_zone": "Asia/Tokyo"} | {field: value}
    response = client.post(SETTINGS, form)
    assert list(response.context["form"].errors) == [field]
    owner.refresh_from_db()
    assert (owner.language, owner.time_zone) == ("", "")
    assert response["Content-Language"] == "en"


def test_a_visitor_has_no_settings(client: Client) -> None:
    assert client.get(SETTINGS)["Location"] == f"{SIGN_IN}?next={SETTINGS}"


def test_times_are_shown_and_meant_in_the_users_zone(client: Client, owner: User) -> None:
    owner.time_zone = "Asia/Tokyo"
    owner.save()
    client.force_login(owner)
    start, end = datetime(2031, 1, 1, 20, tzinfo=UTC), datetime(2031, 1, 2, 20, tzinfo=UTC)
    mailing = make_mailing(owner, starts_at=start, ends_at=end)
    page = client.get(f"/mailings/{mailing.pk}/").content.decode()
    assert 'data-zone="Asia/Tokyo"' in page
    assert "2 Jan 2031, 05:00" in page
    form = client.get(f"/mailings/{mailing.pk}/edit/")
    assert 'value="2031-01-02T05:00"' in form.content.decode()
    sent = {"message": mailing.message_id, "audience": "everyone"}
    sent |= {"starts_at": "2031-01-02T06:00", "ends_at": "2031-01-03T05:00"}
    client.post(f"/mailings/{mailing.pk}/edit/", sent)
    assert Mailing.objects.get().starts_at == datetime(2031, 1, 1, 21, tzinfo=UTC)
    assert "2 Jan 2031, 06:00" in client.get(f"/mailings/{mailing.pk}/").content.decode()


async def test_one_users_preferences_end_with_their_request(owner: User, stranger: User, signed_in: Any) -> None:
    await User.objects.filter(pk=owner.pk).aupdate(time_zone="Asia/Tokyo", language="ru")
    mine, theirs = signed_in(owner), signed_in(stranger)
    with translation.override("en"):
        assert (await mine.get("/"))["Content-Language"] == "ru"
        assert (await theirs.get("/"))["Content-Language"] == "en"
        assert (await AsyncClient().get(SIGN_IN))["Content-Language"] == "en"
    assert timezone.get_current_timezone() == timezone.get_default_timezone()


@pytest.mark.parametrize("name", ["", "Moon/Tranquility", "../../etc/passwd", "Europe", "x\0y"])
def test_an_account_without_a_zone_that_exists_has_the_sites(name: str, settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    assert str(zone_of(User(time_zone=name))) == "Europe/Berlin"
    assert str(zone_of(User(time_zone="Asia/Tokyo"))) == "Asia/Tokyo"
