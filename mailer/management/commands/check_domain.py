"""manage.py check_domain: would mail from a domain pass at the large mailbox providers."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import sys
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mailer.delivery.dkim_keys import zone_strings
from mailer.domains.check import Report, check_domain
from mailer.domains.findings import Record, Result, Status
from mailer.domains.names import SELECTOR, ascii_domain, is_domain
from mailer.domains.rules import PROVIDERS
from mailer.domains.spf_terms import Address

EXIT_CODES = {Status.PASS: 0, Status.WARN: 0, Status.FAIL: 1, Status.UNKNOWN: 2}


def address(value: str) -> Address:
    try:
        return ipaddress.ip_address(value)
    except ValueError:
        raise ArgumentTypeError(f"{value!r} is no IP address") from None


class Command(BaseCommand):
    help = (
        "Say whether SPF, DKIM, DMARC and MX of a domain would pass at Gmail, Yahoo and Outlook, and the records to "
        "publish. Exit status: 0 all would pass, 1 something fails, 2 something could not be found out."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("domain", metavar="DOMAIN")
        parser.add_argument("--selector", default="", help="the DKIM selector of your mail server, where that signs")
        parser.add_argument(
            "--ip", type=address, action="append", default=[], help="an address that mail leaves from; may be repeated"
        )
        parser.add_argument("--json", action="store_true", help="print all of it as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        domain = ascii_domain(options["domain"].strip())
        if not is_domain(domain):
            raise CommandError(f"{options['domain']!r} is no domain like example.com.")
        if options["selector"] and not SELECTOR.fullmatch(options["selector"]):
            raise CommandError("A selector is made of letters, digits and hyphens.")
        report = asyncio.run(check_domain(domain, selector=options["selector"], senders=options["ip"]))
        self.stdout.write(json.dumps(report.as_json(), indent=2) if options["json"] else _told(report))
        if code := EXIT_CODES[report.status]:
            sys.exit(code)


def _told(report: Report) -> str:
    checks = "\n\n".join(_told_result(result) for result in report.results)
    width = max(map(len, PROVIDERS))
    providers = "\n".join(f"{name:<{width}}  {status.label}" for name, status in report.providers.items())
    rules = "\n".join(
        f"  {statuses[0][1].value if statuses[0][1] else '-':<8} {rule.text}" for rule, statuses in report.rules
    )
    return f"{report.domain}\n\n{checks}\n\nWhat they ask of whoever sends much:\n\n{rules}\n\n{providers}"


def _told_result(result: Result) -> str:
    lines = [f"{result.check.upper()}: {result.status.label}"]
    lines += [f"  {finding.status.value:<8} {finding.text}" for finding in result.findings]
    lines += [f"  found    {_zone_line(record)}" for record in result.found]
    lines += [f"  publish  {_zone_line(record)}" for record in result.publish]
    return "\n".join(lines)


def _zone_line(record: Record) -> str:
    value = zone_strings(record.value) if record.kind == "TXT" else record.value
    return f"{record.name}. {record.kind} {value}"
