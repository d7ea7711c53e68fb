"""Which names the DNS may be asked for."""

from __future__ import annotations

import pytest

from mailer.domains.names import ascii_domain, domain_of, is_aligned, is_domain, may_be_asked, organisation


@pytest.mark.parametrize("name", ["example.com", "a.b.co.uk", "xn--e1afmkfd.xn--p1ai", "1and1.com", "a--b.com"])
def test_it_takes_domains(name: str) -> None:
    assert is_domain(name)
    assert may_be_asked(name)


REFUSED = ["", "com", "localhost", "db", "127.0.0.1", "::1", "[::1]", "0x7f.1", "printer.local", "db.internal"]
REFUSED += ["x.localhost", "router.lan", "1.0.0.127.in-addr.arpa", "a..com", "-a.com", "a-.com", "a b.com", "a/b.com"]
REFUSED += ["a.com:53", "user@a.com", "a.com.", "A.com", "é.com", "x" * 64 + ".com", "a." * 130 + "com", "a\n.com"]


@pytest.mark.parametrize("name", REFUSED)
def test_it_refuses_what_is_none(name: str) -> None:
    assert not is_domain(name)
    assert not may_be_asked(name)


def test_a_label_that_idna_refuses_is_no_domain_to_send_from() -> None:
    assert not is_domain("xn--a.com")


def test_services_have_underscores_and_senders_have_none() -> None:
    assert may_be_asked("_dmarc.example.com")
    assert not is_domain("_dmarc.example.com")


def test_it_writes_a_domain_in_a_labels() -> None:
    assert ascii_domain("Пример.РФ.") == "xn--e1afmkfd.xn--p1ai"
    assert domain_of("Наш клуб <news@Пример.рф>") == "xn--e1afmkfd.xn--p1ai"


@pytest.mark.parametrize(
    ("name", "its"),
    [("a.b.example.com", "example.com"), ("example.co.uk", "example.co.uk"), ("x.example.co.uk", "example.co.uk")],
)
def test_it_finds_the_organisation(name: str, its: str) -> None:
    assert organisation(name) == its
    assert is_aligned(name, its)
    assert is_aligned(name, its, strictly=True) == (name == its)
    assert not is_aligned(name, "example.org")
