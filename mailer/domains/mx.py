"""Can the domain take mail: replies, bounces and reports. Some receivers refuse a sender to whom none can be sent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from django.utils.translation import gettext as _

from mailer.domains.findings import Record, Result, Status
from mailer.domains.lookups import Lookups, Outcome

MOST_HOSTS = 5  # looked up; the others are taken on trust
NULL_MX = "0 ."  # RFC 7505


async def check_mx(dns: Lookups, domain: str) -> Result:
    found = Result("mx")
    lookup = await dns.mx(domain)
    found.found = [Record(domain, "MX", record) for record in lookup.records]
    if not lookup.is_known:
        found.add(Status.UNKNOWN, lookup.trouble)
    elif lookup.outcome == Outcome.NO_NAME:
        found.add(Status.FAIL, _("There is no domain %(domain)s in the DNS.") % {"domain": domain})
    elif NULL_MX in lookup.records:
        found.add(Status.FAIL, _("%(domain)s says that it takes no mail (a null MX).") % {"domain": domain})
    elif lookup.records:
        await _judge_hosts(dns, found, _in_order(lookup.records))
    else:
        await _judge_address(dns, found, domain)
    return found


def _in_order(records: Iterable[str]) -> list[str]:
    """The hosts, as a sender tries them: the DNS gives them in any order."""
    preferred = sorted((int(preference), host) for preference, _space, host in (r.partition(" ") for r in records))
    return [host for _preference, host in preferred]


async def _judge_hosts(dns: Lookups, found: Result, hosts: list[str]) -> None:
    """One host with an address is enough to pass."""
    lookups = await asyncio.gather(*(dns.addresses(host) for host in hosts[:MOST_HOSTS]))
    passing = [lookup.name for lookup in lookups if lookup.records]
    if passing:
        found.add(Status.PASS, _("%(host)s takes its mail.") % {"host": passing[0]})
    for lookup in lookups:
        if not lookup.is_known:
            found.add(Status.WARN if passing else Status.UNKNOWN, lookup.trouble)
        elif not lookup.records:
            found.add(
                Status.WARN if passing else Status.FAIL,
                _("%(host)s, which is to take its mail, has no address.") % {"host": lookup.name},
            )


async def _judge_address(dns: Lookups, found: Result, domain: str) -> None:
    """Without an MX the domain's own address counts (RFC 5321 §5.1)."""
    lookup = await dns.addresses(domain)
    if not lookup.is_known:
        found.add(Status.UNKNOWN, lookup.trouble)
    elif lookup.records:
        found.add(Status.WARN, _("The domain has no MX record; its own address stands in."))
    else:
        found.add(Status.FAIL, _("%(domain)s can't take mail: it has no MX record.") % {"domain": domain})
