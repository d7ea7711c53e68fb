"""Would SPF pass: is the domain's record right, and does it cover the machine that sends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.utils.translation import gettext as _

from mailer.domains.findings import Record, Result, Status
from mailer.domains.lookups import Lookups
from mailer.domains.spf_coverage import judge_coverage
from mailer.domains.spf_policy import MOST_LOOKUPS, MOST_VOID, Policy, Tally, fetch_policy, policies
from mailer.domains.spf_terms import Address


async def check_spf(dns: Lookups, domain: str, senders: Sequence[Address]) -> Result:
    """The result for mail from these addresses; with none given, from what EMAIL_HOST leads to."""
    found, tally = Result("spf"), Tally()
    policy = await fetch_policy(dns, domain, tally)
    found.found = [Record(domain, "TXT", record) for record in policy.records]
    for fault in _faults(policy, tally):
        found.add(Status.FAIL, fault)
    if policy.problem != "unknown":
        for lookup in tally.failed:
            found.add(Status.UNKNOWN, lookup.trouble)
    else:
        found.add(Status.UNKNOWN, policy.detail)
    if policy.problem in ("", "none"):
        additions = await judge_coverage(dns, found, policy, senders)
        is_open = not policy.problem and _ends_openly(found, policy)
        if additions or is_open or _gone(policy):
            found.publish = [Record(domain, "TXT", amended(policy, additions, closed=is_open))]
    return found


def _faults(policy: Policy, tally: Tally) -> Iterator[str]:
    """What makes the record worthless, whoever sends."""
    if policy.problem == "none":
        yield _("%(domain)s has no SPF record.") % {"domain": policy.domain}
    for one in policies(policy):
        if one.problem == "many":
            yield _("%(domain)s has %(n)s SPF records. There must be one: put them together.") % {
                "domain": one.domain,
                "n": len(one.records),
            }
        elif one.problem == "malformed":
            yield _("The SPF record of %(domain)s has a part that is not valid: %(part)s") % {
                "domain": one.domain,
                "part": one.detail,
            }
        elif one.problem == "none" and one is not policy:
            yield _("%(domain)s is included, but has no SPF record.") % {"domain": one.domain}
    if tally.lookups > MOST_LOOKUPS:
        yield _(
            "The record needs %(n)s lookups in the DNS, with all that it includes; receivers give up after %(limit)s. "
            "Take out what you no longer send with."
        ) % {"n": tally.lookups, "limit": MOST_LOOKUPS}
    if tally.void > MOST_VOID:
        yield _(
            "%(n)s lookups of the record find nothing; receivers give up after %(limit)s. "
            "Take out the names that are gone."
        ) % {"n": tally.void, "limit": MOST_VOID}


def _ends_openly(found: Result, policy: Policy) -> bool:
    """Adds what the record lacks as to all others, and what is out of use; returns whether it needs another end."""
    terms = [step.term for step in policy.steps]
    if any(term.name == "ptr" for term in terms):
        found.add(Status.WARN, _("“ptr” is out of use: some receivers ignore it. Name addresses instead."))
    ending = next((term for term in terms if term.name in ("all", "redirect")), None)
    if ending is None or (ending.name == "all" and ending.qualifier == "?"):
        found.add(Status.WARN, _("The record does not say what to think of other senders. End it with ~all or -all."))
        return True
    if ending.name == "all" and ending.qualifier == "+":
        found.add(Status.WARN, _("With +all anybody may send as you, and receivers trust it less. End it with ~all."))
        return True
    return False


def amended(policy: Policy, additions: list[str], *, closed: bool = False) -> str:
    """The record with these terms put before its others, what is gone left out, and another end; or a new record."""
    if not policy.records:
        return " ".join(["v=spf1", *additions, "~all"])
    version, *terms = policy.records[0].split()
    terms = [term for term in terms if term.lower().lstrip("+") not in _gone(policy)]
    if closed:
        terms = [*(term for term in terms if term.lower() not in ("all", "+all", "?all")), "~all"]
    return " ".join([version, *additions, *terms])


def _gone(policy: Policy) -> set[str]:
    """The terms that include a domain which has no SPF record."""
    included = [step.policy for step in policy.steps if step.term.name == "include" and step.policy]
    return {f"include:{one.domain}" for one in included if one.problem == "none"}
