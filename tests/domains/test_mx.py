"""MX: can the domain take mail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mailer.domains.check import Report
from tests.support.dns_server import refuse, silent
from tests.support.domains import result_of

Ask = Callable[..., Report]
MX = {"MX": ["10 mx.example.com.", "20 mx2.example.com."]}
ADDRESS = {"A": ["192.0.2.1"]}


@pytest.mark.parametrize(
    ("zone", "status", "words"),
    [
        ({"example.com": MX, "mx.example.com": ADDRESS, "mx2.example.com": ADDRESS}, "pass", "mx.example.com"),
        ({"example.com": MX, "mx2.example.com": {"AAAA": ["2001:db8::1"]}}, "warn", "mx.example.com, which"),
        ({"example.com": MX}, "fail", "has no address"),
        ({"example.com": {"MX": ["0 ."]}}, "fail", "takes no mail"),
        ({"example.com": {"MX": ["10 localhost."]}}, "fail", "has no address"),
        ({"example.com": {"MX": ["10 192.0.2.1."]}}, "fail", "has no address"),
        ({"example.com": ADDRESS}, "warn", "no MX record"),
        ({"example.com": {"TXT": ["x"]}}, "fail", "can't take mail"),
        ({}, "fail", "There is no domain example.com"),
    ],
)
def test_it_tells_whether_the_domain_takes_mail(ask: Ask, zone: Any, status: str, words: str) -> None:
    found = result_of(ask(zone), "mx")
    assert found.status == status
    assert words in "\n".join(finding.text for finding in found.findings)


@pytest.mark.parametrize(
    ("zone", "trouble"),
    [
        ({}, refuse("example.com")),
        ({}, silent("example.com")),
        ({"example.com": MX}, refuse("mx.example.com")),
        ({"example.com": MX, "mx2.example.com": {}}, silent("mx.example.com")),
    ],
)
def test_a_dns_that_does_not_answer_is_no_pass(ask: Ask, zone: Any, trouble: Any) -> None:
    report = ask(zone, trouble, budget=0.4)
    assert "pass" not in {finding.status for finding in result_of(report, "mx").findings}
    assert "unknown" in {finding.status for finding in result_of(report, "mx").findings}


def test_one_host_that_answers_is_enough(ask: Ask) -> None:
    zone = {"example.com": MX, "mx2.example.com": ADDRESS}
    assert result_of(ask(zone, refuse("mx.example.com")), "mx").status == "warn"
