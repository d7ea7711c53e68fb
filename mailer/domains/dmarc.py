"""Would DMARC pass: is there a policy (RFC 9989), and does what signs here count for the domain."""

from __future__ import annotations

import re

from django.conf import settings
from django.utils.translation import gettext as _

from mailer.domains.findings import Record, Result, Status
from mailer.domains.lookups import Lookup, Lookups
from mailer.domains.names import is_aligned, organisation
from mailer.domains.tags import MalformedRecord, read_tags

VERSION = re.compile(r"v\s*=\s*DMARC1\s*(;|$)")
POLICIES = ("none", "quarantine", "reject")


async def check_dmarc(dns: Lookups, domain: str) -> Result:
    """By the domain's own record, else by its organisation's."""
    found = Result("dmarc")
    for place in dict.fromkeys((domain, organisation(domain))):
        lookup = await dns.txt(f"_dmarc.{place}")
        if not lookup.is_known:
            found.add(Status.UNKNOWN, lookup.trouble)
            return found
        records = _policies_in(lookup)
        if records:
            found.found = [Record(lookup.name, "TXT", record) for record in records]
            _judge(found, domain, place, records)
            return found
    found.add(Status.FAIL, _("There is no DMARC record at _dmarc.%(domain)s.") % {"domain": domain})
    found.publish = [_advised(domain)]
    return found


def _policies_in(lookup: Lookup) -> list[str]:
    return [record for record in lookup.records if VERSION.match(record)]


def _advised(domain: str) -> Record:
    """A policy that asks for reports and holds nothing back: what to begin with. The mailbox must exist."""
    return Record(f"_dmarc.{domain}", "TXT", f"v=DMARC1; p=none; rua=mailto:dmarc@{domain}")


def _judge(found: Result, domain: str, place: str, records: list[str]) -> None:
    if len(records) > 1:
        found.add(
            Status.FAIL,
            _("There are %(n)s DMARC records at %(name)s: receivers ignore them all. There must be one.")
            % {"n": len(records), "name": f"_dmarc.{place}"},
        )
        return
    try:
        tags = read_tags(records[0])
    except MalformedRecord as malformed:
        found.add(Status.FAIL, _("The DMARC record has a part that is not valid: %(part)s") % {"part": str(malformed)})
        found.publish = [_advised(place)]
        return
    policy = tags.get("p", "").lower()
    if policy not in POLICIES:
        found.add(Status.FAIL, _("The DMARC record has no valid policy: p= takes none, quarantine or reject."))
        found.publish = [_advised(place)]
        return
    applied = tags.get("sp", policy).lower() if place != domain else policy
    found.add(Status.PASS, _("There is a DMARC policy for the domain: %(policy)s.") % {"policy": applied})
    _judge_alignment(found, domain, is_strict=tags.get("adkim", "r").lower() == "s")
    if not tags.get("rua"):
        found.add(
            Status.WARN,
            _(
                "Nobody gets reports. With rua= in the record, receivers tell who sends as you; "
                "name a mailbox that is there."
            ),
        )
        reporting = f"{records[0].rstrip(' ;')}; rua=mailto:dmarc@{place}"
        found.publish = [Record(f"_dmarc.{place}", "TXT", reporting)]


def _judge_alignment(found: Result, domain: str, *, is_strict: bool) -> None:
    """Whether the signature made here counts. The envelope's sender is the From address: SPF, where it passes, does."""
    if not settings.DKIM_KEY_FILE or is_aligned(domain, settings.DKIM_DOMAIN, strictly=is_strict):
        return
    found.add(
        Status.WARN,
        _(
            "The record asks for the very domain in the signature (adkim=s), but mail is signed here for %(signed)s: "
            "that leaves SPF alone, which is lost when mail is forwarded."
        )
        % {"signed": settings.DKIM_DOMAIN}
        if is_aligned(domain, settings.DKIM_DOMAIN)
        else _("Mail is signed here for %(signed)s, which does not count for %(domain)s.")
        % {"signed": settings.DKIM_DOMAIN, "domain": domain},
    )
