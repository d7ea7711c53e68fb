"""A domain whose mail passes, and words for what a check said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mailer.delivery.dkim_keys import as_pem, dns_value
from mailer.domains.check import Report
from mailer.domains.findings import Result
from tests.support.dkim import RSA

SENDER = "192.0.2.25"
GOOD = {
    "example.com": {"TXT": ["v=spf1 ip4:192.0.2.0/24 -all", "verification=abc"], "MX": ["10 mx.example.com."]},
    "mx.example.com": {"A": ["192.0.2.1"]},
    "_dmarc.example.com": {"TXT": ["v=DMARC1; p=reject; rua=mailto:dmarc@example.com"]},
    "rsa._domainkey.example.com": {"TXT": [dns_value(RSA.key)]},
}


def with_key(settings: Any, folder: Path) -> None:
    """The site signs for example.com with the key that GOOD publishes."""
    file = folder / "key.pem"
    file.write_bytes(as_pem(RSA.key))
    settings.DKIM_DOMAIN, settings.DKIM_SELECTOR, settings.DKIM_KEY_FILE = "example.com", ["rsa"], [file]


def spf(*records: str, **others: dict[str, list[str]]) -> dict[str, dict[str, list[str]]]:
    """A zone in which example.com has these SPF records; underscores in the other names stand for dots."""
    named = {name.replace("__", "."): records for name, records in others.items()}
    return {"example.com": {"TXT": list(records)}, **named}


def result_of(report: Report, check: str) -> Result:
    return next(result for result in report.results if result.check == check)


def told(result: Result, status: str) -> str:
    """All that was found with this status, in lines."""
    return "\n".join(finding.text for finding in result.findings if finding.status == status)
