"""The page that checks a domain: at once for the reader, later for what the DNS says, whatever that is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from core.models import User
from tests.support.dns_server import DnsServer
from tests.support.domains import GOOD, with_key

pytestmark = pytest.mark.django_db

PAGE, REPORT = "/domains/", "/domains/report/"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def page(owner: User, client: Client) -> Iterator[Client]:
    client.force_login(owner)
    cache.clear()
    yield client
    cache.clear()


@pytest.fixture
def resolver(settings: Any, tmp_path: Path) -> Iterator[DnsServer]:
    zone = {**GOOD, "evil.com": {"TXT": ['v=spf1 <script>alert(1)</script>\\"&']}}
    settings.EMAIL_HOST = ""
    with_key(settings, tmp_path)
    with DnsServer(zone) as server:
        settings.DNS_RESOLVER = server.address
        yield server


def text_of(response: Any) -> str:
    return unescape(response.content.decode())


def test_it_begins_with_the_domain_that_the_site_sends_from(page: Client, settings: Any) -> None:
    settings.DEFAULT_FROM_EMAIL = "Club <news@example.com>"
    assert 'value="example.com"' in text_of(page.get(PAGE))


def test_the_page_comes_before_the_dns_is_asked(page: Client, resolver: DnsServer) -> None:
    shown = text_of(page.get(PAGE, {"domain": "News@Example.com", "selector": "s1"}))
    url = re.findall(r'hx-post="([^"]+)"', shown)[0]
    fields = dict(re.findall(r'type="hidden" name="(domain|selector)" value="([^"]*)"', shown))
    assert resolver.asked == []
    assert "SPF" in text_of(page.post(url, fields, headers=HTMX))
    assert "s1._domainkey.example.com" in {question.name for question in resolver.asked}


def test_the_report_is_a_part_for_htmx_and_a_page_for_others(page: Client, resolver: DnsServer) -> None:
    part, whole = (page.post(REPORT, {"domain": "example.com"}, headers=head) for head in (HTMX, {}))
    assert "<html" not in text_of(part)
    assert "<html" in text_of(whole)
    for response in (part, whole):
        assert "The key at rsa._domainkey.example.com is the one that signs here." in text_of(response)
        assert "no-store" in response["Cache-Control"]


def test_what_a_record_says_is_shown_as_text(page: Client, resolver: DnsServer) -> None:
    content = page.post(REPORT, {"domain": "evil.com"}, headers=HTMX).content.decode()
    assert "<script>" not in content
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&amp;" in content


@pytest.mark.parametrize("domain", ["127.0.0.1", "localhost", "db.internal", "", "http://example.com/", "[::1]"])
def test_it_asks_nobody_for_what_is_no_domain(page: Client, resolver: DnsServer, domain: str) -> None:
    shown = text_of(page.get(PAGE, {"domain": domain}))
    assert "no domain like example.com" in shown or "required" in shown
    assert "hx-post" not in shown
    assert page.post(REPORT, {"domain": domain}).status_code == 302
    assert resolver.asked == []


def test_a_selector_is_checked(page: Client, resolver: DnsServer) -> None:
    assert "letters, digits and hyphens" in text_of(page.get(PAGE, {"domain": "example.com", "selector": "../x"}))


def test_many_checks_within_a_minute_have_their_limit(page: Client, stranger: User, resolver: DnsServer) -> None:
    answers = [page.post(REPORT, {"domain": "example.com"}, headers=HTMX) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert "Wait a minute" in text_of(answers[-1])
    page.force_login(stranger)
    assert page.post(REPORT, {"domain": "example.com"}, headers=HTMX).status_code == 200


def test_it_is_for_those_who_may_send(page: Client, owner: User, settings: Any, resolver: DnsServer) -> None:
    settings.SENDING_REQUIRES_APPROVAL = True
    assert page.get(PAGE).status_code == 200
    User.objects.filter(pk=owner.pk).update(sending_allowed_at=None)
    assert page.get(PAGE).status_code == 404
    assert page.post(REPORT, {"domain": "example.com"}).status_code == 404
    assert resolver.asked == []
    assert PAGE not in text_of(page.get("/"))
