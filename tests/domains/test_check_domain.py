"""manage.py check_domain: what it says, and with which status it ends."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from mailer.delivery.dkim_keys import dns_value
from mailer.domains.check import Report
from mailer.domains.findings import Status
from mailer.domains.rules import PROVIDERS, RULES, verdicts
from tests.support.dkim import RSA
from tests.support.dns_server import DnsServer, refuse
from tests.support.domains import GOOD, SENDER, with_key
from tests.support.processes import manage

Ask = Callable[..., Report]
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(settings: Any, tmp_path: Path) -> Run:
    """Runs the command against a zone; its exit status and what it printed."""
    settings.EMAIL_HOST, settings.IS_HTTPS = "", True
    with_key(settings, tmp_path)

    def command(*words: str, zone: Any = GOOD, behaviours: tuple[Any, ...] = ()) -> tuple[int, str]:
        printed = io.StringIO()
        with DnsServer(zone, *behaviours) as server:
            settings.DNS_RESOLVER = server.address
            try:
                call_command("check_domain", *words, stdout=printed)
            except SystemExit as end:
                return int(str(end.code)), printed.getvalue()
        return 0, printed.getvalue()

    return command


def test_a_domain_whose_mail_passes(run: Run) -> None:
    status, printed = run("example.com", "--ip", SENDER)
    assert status == 0
    assert all(f"{name.upper()}: passes\n" in printed for name in ("spf", "dkim", "dmarc", "mx"))
    assert [line.split()[-1] for line in printed.splitlines()[-3:]] == ["passes"] * 3


def test_something_that_fails_is_told_with_the_record_to_publish(run: Run) -> None:
    zone = {**GOOD, "rsa._domainkey.example.com": {"TXT": []}}
    status, printed = run("example.com", "--ip", SENDER, zone=zone)
    assert status == 1
    published = next(line for line in printed.splitlines() if line.startswith("  publish"))
    assert published.startswith('  publish  rsa._domainkey.example.com. TXT "v=DKIM1; k=rsa; p=')
    assert published.split('"', 1)[1].removesuffix('"').replace('" "', "") == dns_value(RSA.key)


def test_what_could_not_be_found_out_is_no_pass(run: Run) -> None:
    status, printed = run("example.com", "--ip", SENDER, behaviours=(refuse("_dmarc.example.com"),))
    assert status == 2
    assert "DMARC: not known" in printed
    assert "Gmail    not known" in printed


def test_a_failure_outweighs_what_is_not_known(run: Run) -> None:
    assert run("example.com", "--ip", "8.8.8.8", behaviours=(refuse("_dmarc.example.com"),))[0] == 1


def test_it_prints_json(run: Run) -> None:
    status, printed = run("example.com", "--ip", SENDER, "--json")
    told = json.loads(printed)
    assert (status, told["status"], told["providers"]) == (0, "pass", dict.fromkeys(PROVIDERS, "pass"))
    assert told["checks"]["mx"] == {
        "status": "pass",
        "findings": [{"status": "pass", "text": "mx.example.com takes its mail."}],
        "found": [{"name": "example.com", "kind": "MX", "value": "10 mx.example.com"}],
        "publish": [],
    }


@pytest.mark.parametrize(
    "words", [("127.0.0.1",), ("localhost",), ("a.com", "--selector", "../x"), ("a.com", "--ip", "x")]
)
def test_it_refuses_nonsense_with_status_one(run: Run, words: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        run(*words)


def test_it_runs_as_people_run_it(tmp_path: Path, settings: Any) -> None:
    with DnsServer({}) as server:
        address, port = server.address
        variables = {"ENV_FILE": "/dev/null", "SECRET_KEY": settings.SECRET_KEY, "DATA_DIR": str(tmp_path)}
        done = manage(settings.BASE_DIR, "check_domain", "example.com", DNS_RESOLVER=f"{address}:{port}", **variables)
    assert done.returncode == 1
    assert "There is no domain example.com" in done.stdout
    assert done.stderr == ""


PASSING = dict.fromkeys(["spf", "dkim", "dmarc", "mx", "unsubscribe", "tls"], Status.PASS)


@pytest.mark.parametrize("status", [Status.WARN, Status.UNKNOWN, Status.FAIL])
@pytest.mark.parametrize("check", PASSING)
def test_a_provider_is_as_content_as_with_the_worst_that_it_asks_for(check: str, status: Status) -> None:
    found = verdicts({**PASSING, check: status})
    asking = next(rule.required_by for rule in RULES if rule.check == check)
    assert found == {name: status if name in asking else Status.PASS for name in PROVIDERS}


def test_the_sites_own_part_is_a_warning(ask: Ask, settings: Any, tmp_path: Path) -> None:
    settings.IS_HTTPS, settings.EMAIL_USE_TLS, settings.EMAIL_USE_SSL = False, False, False
    with_key(settings, tmp_path)
    report = ask(GOOD, ip=SENDER)
    settings.EMAIL_HOST = "smtp.example.net"
    assert report.site == {"unsubscribe": "warn", "tls": "warn"}
    assert report.providers == {"Gmail": "warn", "Yahoo": "warn", "Outlook": "pass"}
