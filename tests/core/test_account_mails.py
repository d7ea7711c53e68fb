"""What the mails of accounts look like: text and HTML, links on SITE_URL, in the account's language."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.core.context import request_context
from django.contrib.auth.models import AnonymousUser
from django.core.mail import EmailMultiAlternatives
from django.test import Client, RequestFactory

from core import invitations
from core.models import User
from tests.support.mails import LINK, html_of, last_mail, links_in
from tests.support.visible import Seen, latin_words

pytestmark = pytest.mark.django_db

SITE = "https://mail.example.org"
NOTICES = ["password_changed", "password_reset", "password_set", "email_changed", "email_deleted"]
WITH_LINK = {
    "email_confirmation": "/account/confirm-email/MQ:1:x/",
    "email_confirmation_signup": "/account/confirm-email/MQ:1:x/",
    "password_reset_key": "/account/password/reset/key/1-MQ:1:x/",
    "unknown_account": "/account/signup/",
    "account_already_exists": "/account/password/reset/",
    "account_blocked": "",
    "invitation": "/account/invitation/abc/",
    **dict.fromkeys(NOTICES, "/account/password/reset/"),
}


@pytest.fixture
def mail_of(owner: User, settings: Any) -> Callable[[str], EmailMultiAlternatives]:
    """The mail of this name, as allauth has it sent while a request with a strange Host header is answered."""
    settings.SITE_URL = SITE
    settings.ALLOWED_HOSTS = ["*"]
    request = RequestFactory().get("/", headers={"host": "evil.example", "user-agent": "Mozilla/5.0"})
    request.user = AnonymousUser()
    context = {
        "key": "MQ:1:x",
        "uid": "1",
        "user": owner,
        "path": "/account/invitation/abc/",
        "inviter": owner,
        "days": 7,
        "from_email": owner.email,
        "to_email": "<b>new</b>@example.com",
        "deleted_email": "<b>new</b>@example.com",
    }

    def send(name: str) -> EmailMultiAlternatives:
        with request_context(request):
            adapter = get_adapter(request)
            if name in NOTICES:
                adapter.send_notification_mail(f"account/email/{name}", owner, context)
            else:
                adapter.send_mail(f"account/email/{name}", owner.email, context)
        return last_mail(owner.email)

    return send


@pytest.mark.parametrize("name", WITH_LINK)
def test_each_has_text_and_html_with_the_same_link(mail_of: Callable[[str], EmailMultiAlternatives], name: str) -> None:
    sent = mail_of(name)
    html = html_of(sent)
    link = SITE + WITH_LINK[name]
    assert link in links_in(str(sent.body))
    assert f'href="{link}"' in html
    assert {urls for urls in links_in(f"{sent.body} {html}") if not urls.startswith(SITE)} == set()
    assert sent.subject
    assert sent.subject[0] not in "[ "
    assert "\n" not in sent.subject
    assert sent.extra_headers["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize("name", WITH_LINK)
def test_each_wears_the_products_design(mail_of: Callable[[str], EmailMultiAlternatives], name: str) -> None:
    html = html_of(mail_of(name))
    assert html.startswith("<!doctype html>")
    assert html.count("<h1 style=") == 1
    assert "#0f6b5c" in html
    assert "class=" not in html
    assert "{%" not in html
    assert "{{" not in html


def test_what_people_typed_is_data(mail_of: Callable[[str], EmailMultiAlternatives]) -> None:
    sent = mail_of("email_changed")
    assert "<b>new</b>@example.com" in sent.body
    assert "&lt;b&gt;new" in html_of(sent)
    assert "<b>" not in html_of(sent)


def test_it_speaks_the_accounts_language(owner: User, client: Client, settings: Any) -> None:
    User.objects.filter(pk=owner.pk).update(language="ru")
    client.post("/account/password/reset/", {"email": owner.email}, headers={"accept-language": "en"})
    assert 'lang="ru"' in html_of(last_mail(owner.email))


@pytest.mark.parametrize("name", WITH_LINK)
def test_each_is_wholly_in_the_accounts_language(
    mail_of: Callable[[str], EmailMultiAlternatives], owner: User, name: str
) -> None:
    User.objects.filter(pk=owner.pk).update(language="ru")
    sent = mail_of(name)
    html = html_of(sent)
    typed = {"new", "example", "com", "Mozilla"}
    for text in (str(sent.subject), LINK.sub("", str(sent.body)), "\n".join(Seen(LINK.sub("", html)).texts)):
        assert latin_words(text) - typed == set()
        assert re.search("[а-я]{3}", text)
    assert '<html lang="ru">' in html


def test_where_registration_is_closed_no_mail_leads_there(
    mail_of: Callable[[str], EmailMultiAlternatives], settings: Any
) -> None:
    settings.SIGNUP_ENABLED = False
    sent = mail_of("unknown_account")
    assert "/account/signup/" not in f"{sent.body} {html_of(sent)}"


def test_links_stand_on_the_sites_address_whatever_the_request_says(
    client: Client, owner: User, superuser: User, settings: Any
) -> None:
    settings.SITE_URL = SITE
    settings.ALLOWED_HOSTS = ["*"]
    EmailAddress.objects.filter(user=owner).update(verified=False)
    evil = {"host": "evil.example"}
    form = {"password1": "Xq7-plum-violet-91", "password2": "Xq7-plum-violet-91"}
    client.post("/account/signup/", {"email": "new@example.com", **form}, headers=evil)
    client.post("/account/signup/", {"email": "superuser@example.com", **form}, headers=evil)
    client.post("/account/confirm-email/resend/", {"email": owner.email}, headers=evil)
    client.post("/account/password/reset/", {"email": "nobody@example.com"}, headers=evil)
    invitations.invite("guest@example.com", superuser)
    for address in ("new", "superuser", "owner", "nobody", "guest"):
        sent = last_mail(f"{address}@example.com")
        links = links_in(f"{sent.body} {html_of(sent)}")
        assert links
        assert all(link.startswith(SITE) for link in links), links
