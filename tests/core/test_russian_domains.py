"""What the DNS says of a domain, and what it should say: in Russian."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from core.models import User
from tests.support.dns_server import Behaviour, DnsServer, Zone, refuse
from tests.support.domains import GOOD, with_key
from tests.support.russian import a_reader
from tests.support.visible import WORD, latin_words_of

pytestmark = pytest.mark.django_db

KEY, DMARC = "rsa._domainkey.example.com", "_dmarc.example.com"
MX = GOOD["example.com"]["MX"]


def txt(*records: str) -> dict[str, list[str]]:
    return {"TXT": list(records)}


def spf(*records: str) -> dict[str, Any]:
    return {"example.com": {**txt(*records), "MX": MX}}


OTHER_ZONES: list[Mapping[str, Any]] = [
    *({KEY: txt(*found)} for found in (["v=DKIM1; p="], ["a"], ["v=DKIM1; k=rsa; p=AAAA"], ["a=b", "c=d"])),
    *({KEY: txt(f"v=DKIM1; {rest}; p=AAAA")} for rest in ("h=sha1", "s=tlsrpt", "k=ed25519")),
    *({DMARC: txt(*found)} for found in (["v=DMARC1; p=none"], ["v=DMARC1; p=all"], ["v=DMARC1; a"], ["v=DMARC1; p"])),
    {DMARC: txt("v=DMARC1; p=none", "v=DMARC1; p=none")},
    *(spf(f"v=spf1 {rest}") for rest in ("-all", "+all", "ip4:192.0.2.25 ?all", "ptr ~all", "ip4:x -all")),
    spf("v=spf1 " + " ".join(f"a:{n}.example.com" for n in range(11)) + " -all"),
    spf("v=spf1 include:gone.example.com -all"),
    spf("v=spf1 -all", "v=spf1 -all"),
    {"example.com": {"MX": ["0 ."]}},
    {"example.com": {"MX": ["10 gone.example.com."]}},
    {"example.com": {"A": ["192.0.2.1"]}},
    {"example.com": txt("a")},
]


@pytest.fixture
def page(owner: User, client: Client, settings: Any, tmp_path: Path) -> Iterator[Client]:
    settings.EMAIL_HOST = "192.0.2.25"
    with_key(settings, tmp_path)
    client.force_login(a_reader(owner))
    cache.clear()
    yield client
    cache.clear()


def report(page: Client, settings: Any, zone: Zone, *behaviours: Behaviour, selector: str = "") -> str:
    """The report on example.com, which is in Russian but for what the zone says and what there is to publish."""
    with DnsServer(zone, *behaviours) as server:
        settings.DNS_RESOLVER = server.address
        response = page.post("/domains/report/", {"domain": "example.com", "selector": selector})
    content: str = response.content.decode()
    assert response.status_code == 200
    technical = (
        "example com mx gone rsa _domainkey DKIM1 DMARC1 spf1 SHA rua mailto dmarc include all adkim a1 ptr ip4 p"
    )
    data = {
        word
        for text in (zone, technical, settings.DKIM_DOMAIN, "none quarantine reject")
        for word in WORD.findall(str(text))
    }
    assert latin_words_of(content) - data - published(content) == set()
    return content


def published(content: str) -> set[str]:
    """The words of the records that are shown."""
    return {word for part in content.split("<code")[1:] for word in WORD.findall(part.partition("</code>")[0])}


@pytest.mark.parametrize("other", OTHER_ZONES)
def test_what_the_dns_says_is_told_in_russian(page: Client, settings: Any, other: Mapping[str, Any]) -> None:
    assert "Что они требуют" in report(page, settings, {**GOOD, **other})


def test_a_domain_that_passes_is_told_in_russian(page: Client, settings: Any) -> None:
    content = report(page, settings, GOOD)
    assert "Ключ rsa._domainkey.example.com — тот самый, которым здесь подписываются письма." in content
    assert "Домен отправителя принимает почту." in content


def test_what_is_not_known_is_told_in_russian(page: Client, settings: Any) -> None:
    everything = [refuse(name) for name in ("example.com", KEY, DMARC)]
    assert "неизвестно" in report(page, settings, GOOD, *everything)


def test_what_this_site_lacks_is_told_in_russian(page: Client, settings: Any) -> None:
    settings.EMAIL_HOST, settings.DKIM_KEY_FILE = "", []
    assert "создайте ключ командой" in report(page, settings, GOOD)
    assert "Под именем s1._domainkey.example.com нет ключа DKIM" in report(page, settings, GOOD, selector="s1")
    settings.DKIM_KEY_FILE, settings.DKIM_DOMAIN = [Path("/nope.pem")], "example.com"
    assert "не удаётся прочитать" in report(page, settings, GOOD)
    settings.DKIM_DOMAIN = "example.org"
    assert "не засчитывается" in report(page, settings, GOOD)


def test_the_page_and_what_it_refuses_are_in_russian(page: Client) -> None:
    for query in ({"domain": "example.org"}, {"domain": "это не домен"}, {"domain": "example.org", "selector": "?"}):
        content = page.get("/domains/", query).content.decode()
        assert '<html lang="ru">' in content
        assert latin_words_of(content) - {"example", "org", "com"} == set()
