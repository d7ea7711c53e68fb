"""A domain looked at whole: its four checks at once, within one budget of time, and what the providers would say."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mailer.domains.dkim_record import check_dkim
from mailer.domains.dmarc import check_dmarc
from mailer.domains.findings import Result, Status, worst
from mailer.domains.lookups import Lookups
from mailer.domains.mx import check_mx
from mailer.domains.rules import PROVIDERS, RULES, Rule, site_statuses, verdicts
from mailer.domains.spf import check_spf
from mailer.domains.spf_terms import Address

BUDGET = 10.0  # seconds


@dataclass(frozen=True)
class Report:
    """The results in the order SPF, DKIM, DMARC, MX, and the site's own part in the rules."""

    domain: str
    results: tuple[Result, ...]
    site: dict[str, Status]

    @property
    def status(self) -> Status:
        return worst(self.providers.values())

    @property
    def providers(self) -> dict[str, Status]:
        return verdicts(self._statuses)

    @property
    def rules(self) -> Iterator[tuple[Rule, list[tuple[str, Status | None]]]]:
        """Each rule with every provider's verdict; None where it does not ask for it, or nothing here can tell."""
        for rule in RULES:
            status = self._statuses.get(rule.check)
            yield rule, [(name, status if name in rule.required_by else None) for name in PROVIDERS]

    @property
    def _statuses(self) -> dict[str, Status]:
        return {result.check: result.status for result in self.results} | self.site

    def as_json(self) -> dict[str, Any]:
        return {
            "domain": self.domain,
            "status": self.status,
            "providers": self.providers,
            "site": self.site,
            "checks": {result.check: _as_json(result) for result in self.results},
        }


async def check_domain(
    domain: str, *, selector: str = "", senders: Sequence[Address] = (), budget: float = BUDGET
) -> Report:
    """`domain` as `is_domain` takes it. Within the budget (seconds); what it did not reach is not known."""
    dns = Lookups(budget)
    results = await asyncio.gather(
        check_spf(dns, domain, senders),
        check_dkim(dns, domain, selector),
        check_dmarc(dns, domain),
        check_mx(dns, domain),
    )
    return Report(domain, tuple(results), site_statuses())


def _as_json(result: Result) -> dict[str, Any]:
    return {
        "status": result.status,
        "findings": [{"status": finding.status, "text": finding.text} for finding in result.findings],
        "found": [vars(record) for record in result.found],
        "publish": [vars(record) for record in result.publish],
    }
