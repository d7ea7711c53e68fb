"""DMARC: is there a policy that receivers take, and does our signature count."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mailer.domains.check import Report
from mailer.domains.findings import Record, Result
from tests.support.dns_server import refuse, silent
from tests.support.domains import result_of, told, with_key

Ask = Callable[..., Report]
RUA = "rua=mailto:d@example.com"


def dmarc_of(report: Report) -> Result:
    return result_of(report, "dmarc")


def policy(*records: str, at: str = "example.com") -> dict[str, Any]:
    return {f"_dmarc.{at}": {"TXT": list(records)}}


@pytest.mark.parametrize(
    "record", [f"v=DMARC1; p=none; {RUA}", f"v=DMARC1;p=reject;{RUA};", f"v = DMARC1 ; p=QUARANTINE; np=reject; {RUA}"]
)
def test_a_policy_passes(ask: Ask, record: str) -> None:
    assert dmarc_of(ask(policy(record, "something else"))).status == "pass"


@pytest.mark.parametrize(
    ("records", "fault"),
    [
        ([], "There is no DMARC record"),
        (["v=dmarc1; p=none"], "There is no DMARC record"),
        (["p=none; v=DMARC1"], "There is no DMARC record"),
        (["v=DMARC1; p=none", "v=DMARC1; p=reject"], "There are 2 DMARC records"),
        (["v=DMARC1"], "no valid policy"),
        (["v=DMARC1; p=block"], "no valid policy"),
        (["v=DMARC1; p=none; p=reject"], "not valid: p=reject"),
        (["v=DMARC1; p none"], "not valid: p none"),
    ],
)
def test_it_names_what_is_wrong(ask: Ask, records: list[str], fault: str) -> None:
    found = dmarc_of(ask(policy(*records)))
    assert found.status == "fail"
    assert fault in told(found, "fail")


def test_it_gives_a_record_to_begin_with(ask: Ask) -> None:
    value = "v=DMARC1; p=none; rua=mailto:dmarc@example.com"
    assert dmarc_of(ask({})).publish == [Record("_dmarc.example.com", "TXT", value)]


def test_a_subdomain_without_a_policy_has_its_organisations(ask: Ask) -> None:
    found = dmarc_of(ask(policy(f"v=DMARC1; p=reject; sp=none; {RUA}"), domain="news.example.com"))
    assert found.status == "pass"
    assert "none" in told(found, "pass")


def test_a_subdomains_own_policy_comes_first(ask: Ask) -> None:
    zone = {**policy(f"v=DMARC1; p=reject; {RUA}"), **policy(f"v=DMARC1; p=none; {RUA}", at="news.example.com")}
    assert "none" in told(dmarc_of(ask(zone, domain="news.example.com")), "pass")


@pytest.mark.parametrize("trouble", [refuse("_dmarc.example.com"), silent("_dmarc.example.com")])
def test_a_dns_that_does_not_answer_is_neither_pass_nor_fault(ask: Ask, trouble: Any) -> None:
    found = dmarc_of(ask({}, trouble, budget=0.4))
    assert [finding.status for finding in found.findings] == ["unknown"]
    assert found.publish == []


def test_a_policy_without_reports_is_warned_of(ask: Ask) -> None:
    found = dmarc_of(ask(policy("v=DMARC1; p=none;")))
    assert "Nobody gets reports" in told(found, "warn")
    value = "v=DMARC1; p=none; rua=mailto:dmarc@example.com"
    assert found.publish == [Record("_dmarc.example.com", "TXT", value)]


@pytest.mark.parametrize(("mode", "status"), [("", "pass"), ("; adkim=r", "pass"), ("; adkim=s", "warn")])
def test_a_strict_policy_wants_the_very_domain_in_the_signature(
    ask: Ask, settings: Any, tmp_path: Path, mode: str, status: str
) -> None:
    zone = policy(f"v=DMARC1; p=none; {RUA}{mode}", at="news.example.com")
    with_key(settings, tmp_path)
    found = dmarc_of(ask(zone, domain="news.example.com"))
    assert found.status == status
    assert ("adkim=s" in told(found, "warn")) == (status == "warn")


def test_a_signature_of_another_organisation_does_not_count(ask: Ask, settings: Any, tmp_path: Path) -> None:
    with_key(settings, tmp_path)
    found = dmarc_of(ask(policy(f"v=DMARC1; p=none; {RUA}", at="example.org"), domain="example.org"))
    assert "does not count for example.org" in told(found, "warn")
