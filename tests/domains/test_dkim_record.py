"""DKIM: is the key that signs here the one in the DNS."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from mailer.delivery.dkim_keys import as_pem, dns_value
from mailer.domains.check import Report
from mailer.domains.findings import Record, Result
from tests.support.dkim import ED25519, RSA
from tests.support.dns_server import refuse, silent
from tests.support.domains import GOOD, result_of, told, with_key

Ask = Callable[..., Report]
NAME = "rsa._domainkey.example.com"
OURS = dns_value(RSA.key)
SHORT = dns_value(rsa.generate_private_key(65537, 1024))  # noqa: S505


def dkim_of(report: Report) -> Result:
    return result_of(report, "dkim")


def under(*values: str) -> dict[str, Any]:
    return {**GOOD, NAME: {"TXT": list(values)}}


@pytest.fixture(autouse=True)
def key(settings: Any, tmp_path: Path) -> None:
    with_key(settings, tmp_path)


@pytest.mark.parametrize(
    "record",
    [OURS, OURS.replace("v=DKIM1; ", ""), OURS.replace("p=", "p= ").replace("A", " A"), OURS + "; s=email; x=y"],
)
def test_our_key_in_the_dns_passes(ask: Ask, record: str) -> None:
    found = dkim_of(ask(under(record)))
    assert found.status == "pass"
    assert found.publish == []


@pytest.mark.parametrize(
    ("records", "fault"),
    [
        ([], "There is no DKIM key"),
        ([OURS, SHORT], "There are 2 records"),
        ([SHORT], "another one than that which signs here"),
        ([dns_value(ED25519.key)], "another one than that which signs here"),
        (["v=DKIM1; k=rsa; p="], "withdrawn"),
        (["v=DKIM1; k=rsa"], "is no DKIM key"),
        ([OURS.replace("DKIM1", "DKIM2")], "is no DKIM key"),
        (["v=DKIM1; p=a; p=b"], "not valid: p=b"),
        ([f"{OURS}; h=sha1"], "SHA-256"),
        ([f"{OURS}; s=tlsrpt"], "not for mail"),
    ],
)
def test_it_names_the_fault_and_gives_the_record_to_publish(ask: Ask, records: list[str], fault: str) -> None:
    found = dkim_of(ask(under(*records)))
    assert found.status == "fail"
    assert fault in told(found, "fail")
    assert NAME in told(found, "fail")
    assert found.publish == [Record(NAME, "TXT", OURS)]


@pytest.mark.parametrize("trouble", [refuse(NAME), silent(NAME)])
def test_a_dns_that_does_not_answer_is_no_fault(ask: Ask, trouble: Any) -> None:
    found = dkim_of(ask(GOOD, trouble, budget=0.4))
    assert [finding.status for finding in found.findings] == ["unknown"]
    assert found.publish == []


def test_a_record_in_test_mode_is_warned_of(ask: Ask) -> None:
    assert "t=y" in told(dkim_of(ask(under(f"{OURS}; t=s:y"))), "warn")


def test_each_of_two_keys_is_looked_up(ask: Ask, settings: Any, tmp_path: Path) -> None:
    (tmp_path / "ed.pem").write_bytes(as_pem(ED25519.key))
    settings.DKIM_SELECTOR, settings.DKIM_KEY_FILE = ["rsa", "ed"], [tmp_path / "key.pem", tmp_path / "ed.pem"]
    found = dkim_of(ask(GOOD))
    assert [finding.status for finding in found.findings] == ["pass", "fail"]
    zone = {**GOOD, "ed._domainkey.example.com": {"TXT": [dns_value(ED25519.key)]}}
    assert dkim_of(ask(zone)).status == "pass"


def test_a_key_that_is_gone_from_here_is_told_without_its_path(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "key.pem").unlink()
    found = dkim_of(ask(GOOD))
    assert told(found, "fail") == "The key of the selector rsa can’t be read here."


def test_a_key_of_another_organisation_does_not_count(ask: Ask) -> None:
    found = dkim_of(ask(GOOD, domain="example.org"))
    assert "signed here for example.com, which does not count for example.org" in told(found, "fail")
    assert dkim_of(ask(GOOD, domain="news.example.com")).status == "pass"


def test_without_a_key_here_nothing_is_known(ask: Ask, settings: Any) -> None:
    settings.DKIM_SELECTOR, settings.DKIM_KEY_FILE = [], []
    assert "make_dkim_key" in told(dkim_of(ask(GOOD)), "unknown")


@pytest.mark.parametrize(
    ("record", "status", "words"),
    [
        (SHORT, "warn", "2048 bits are advised"),
        pytest.param(dns_value(ED25519.key), "pass", "There is a key", id="ed25519"),
        ("p=" + "A" * 40, "fail", "no key that can be read"),
        ("k=ed25519; p=AAAA", "fail", "no key that can be read"),
        ("k=rsa; p=!", "fail", "no key that can be read"),
        ("k=dsa; p=AAAA", "fail", "no key that can be read"),
    ],
)
def test_a_key_that_somebody_else_signs_with_is_looked_up_by_its_selector(
    ask: Ask, record: str, status: str, words: str
) -> None:
    found = dkim_of(ask({"s1._domainkey.example.com": {"TXT": [record]}}, selector="s1"))
    assert found.status == status
    assert words in "\n".join(finding.text for finding in found.findings)
    assert found.publish == []
