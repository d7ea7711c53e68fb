"""A domain's SPF record with all that it leads to, fetched whole; then what it says of an address (RFC 7208 §4)."""

from __future__ import annotations

import asyncio
import ipaddress
from dataclasses import dataclass, field

from mailer.domains.lookups import Lookup, Lookups, Outcome
from mailer.domains.spf_terms import LOOKS_UP, Address, MalformedTerm, Network, Term, is_spf, read_terms

MOST_LOOKUPS = 10  # §4.6.4: more is an error, and so are more than two that find nothing
MOST_VOID = 2
MOST_MX = 10  # host names of one `mx`
WALK_ENDS_AT = 2 * MOST_LOOKUPS  # it is wrong by then: the rest is not fetched

PASSES = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}
UNKNOWN = "unknown"  # no result of the RFC's: a lookup failed, or the term depends on the very mail


@dataclass
class Step:
    """A term and what it came to: networks, or another domain's policy, or neither where that is not known."""

    term: Term
    networks: list[Network] = field(default_factory=list)
    policy: Policy | None = None
    is_known: bool = True


@dataclass
class Policy:
    """One domain's record; `problem` is "none", "many", "malformed" or "unknown" where it can't be used."""

    domain: str
    records: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    problem: str = ""
    detail: str = ""


@dataclass
class Tally:
    """What the whole walk has used up, and the lookups that failed."""

    lookups: int = 0
    void: int = 0
    failed: list[Lookup] = field(default_factory=list)

    def note(self, lookup: Lookup) -> None:
        if not lookup.is_known:
            self.failed.append(lookup)


async def fetch_policy(dns: Lookups, domain: str, tally: Tally) -> Policy:
    """The domain's policy with those that it includes. A record that includes itself ends with the tally."""
    lookup = await dns.txt(domain)
    tally.note(lookup)
    policy = Policy(domain, [record for record in lookup.records if is_spf(record)])
    if not lookup.is_known:
        policy.problem, policy.detail = "unknown", lookup.trouble
    elif len(policy.records) != 1:
        policy.problem = "many" if policy.records else "none"
    else:
        await _follow(dns, policy, tally)
    return policy


async def _follow(dns: Lookups, policy: Policy, tally: Tally) -> None:
    try:
        terms = read_terms(policy.records[0])
    except MalformedTerm as malformed:
        policy.problem, policy.detail = "malformed", str(malformed)
    else:
        tally.lookups += sum(term.name in LOOKS_UP for term in terms)
        policy.steps = list(await asyncio.gather(*(_step(dns, policy.domain, term, tally) for term in terms)))


async def _step(dns: Lookups, domain: str, term: Term, tally: Tally) -> Step:
    target = term.domain or domain
    if term.network is not None:
        return Step(term, [term.network])
    if term.name == "all":
        return Step(term)
    if term.has_macro or term.name in ("ptr", "exists") or tally.lookups > WALK_ENDS_AT:
        return Step(term, is_known=False)
    if term.name in ("include", "redirect"):
        policy = await fetch_policy(dns, target, tally)
        return Step(term, policy=policy, is_known=policy.problem != "unknown")
    lookups = [await dns.addresses(target)] if term.name == "a" else await _mail_hosts(dns, target, tally)
    return _found(term, lookups, tally)


async def _mail_hosts(dns: Lookups, domain: str, tally: Tally) -> list[Lookup]:
    """The addresses of each host that takes the domain's mail, or the lookup of these hosts where it found none."""
    hosts = await dns.mx(domain)
    if hosts.outcome != Outcome.FOUND:
        return [hosts]
    names = [record.partition(" ")[2] for record in hosts.records[:MOST_MX]]
    return list(await asyncio.gather(*(dns.addresses(name) for name in names)))


def _found(term: Term, lookups: list[Lookup], tally: Tally) -> Step:
    for lookup in lookups:
        tally.note(lookup)
    records = [record for lookup in lookups for record in lookup.records if lookup.outcome == Outcome.FOUND]
    is_known = all(lookup.is_known for lookup in lookups)
    tally.void += is_known and not records
    addresses: list[Address] = [ipaddress.ip_address(record) for record in records]
    return Step(term, term.networks(addresses), is_known=is_known)


def result(policy: Policy, address: Address) -> str:
    """The RFC's result (§2.6) for mail from this address, or "unknown"."""
    if policy.problem:
        return {"none": "none", "unknown": UNKNOWN}.get(policy.problem, "permerror")
    for step in policy.steps:
        if step.term.name == "redirect":
            return result(step.policy, address) if step.policy else UNKNOWN
        match = _matches(step, address)
        if isinstance(match, str):
            return match
        if match:
            return PASSES[step.term.qualifier]
    return "neutral"


def _matches(step: Step, address: Address) -> bool | str:
    """Whether the term matches, or the result with which the evaluation ends here (§5.2)."""
    if step.term.name == "all" or any(address in network for network in step.networks):
        return True
    if not step.is_known:
        return UNKNOWN
    if step.policy is None:
        return False
    inner = result(step.policy, address)
    if inner in ("permerror", "none"):
        return "permerror"
    return inner if inner == UNKNOWN else inner == "pass"


def policies(policy: Policy) -> list[Policy]:
    """The policy and all that it includes."""
    inner = [step.policy for step in policy.steps if step.policy]
    return [policy, *(found for included in inner for found in policies(included))]
