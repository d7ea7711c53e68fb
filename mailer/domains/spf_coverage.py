"""Does an SPF record cover the machine that sends, as far as that can be known."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from django.conf import settings
from django.utils.translation import gettext as _

from mailer.domains.findings import Result, Status
from mailer.domains.lookups import Lookups
from mailer.domains.names import may_be_asked
from mailer.domains.relays import include_for
from mailer.domains.spf_policy import UNKNOWN, Policy, policies, result
from mailer.domains.spf_terms import Address


async def judge_coverage(dns: Lookups, found: Result, policy: Policy, senders: Sequence[Address]) -> list[str]:
    """Adds whether the senders are covered; returns the terms that the record lacks for them."""
    if senders:
        return [term for sender in senders for term in _judge_sender(found, policy, sender)]
    host = settings.EMAIL_HOST.rstrip(".").lower()
    address = _public_address(host)
    if address:
        return _judge_sender(found, policy, address)
    if not may_be_asked(host):
        found.add(
            Status.WARN,
            _(
                "Which address your mail leaves from is not known here (EMAIL_HOST names no server on the internet). "
                "Make sure that the record has it; manage.py check_domain --ip ADDRESS tries it."
            ),
        )
        return [] if policy.records else ["ip4:ADDRESS"]
    return await _judge_relay(dns, found, policy, host)


def _judge_sender(found: Result, policy: Policy, sender: Address) -> list[str]:
    said = result(policy, sender)
    if said == "pass":
        found.add(Status.PASS, _("Mail from %(address)s passes.") % {"address": sender})
        return []
    if said == UNKNOWN:
        found.add(Status.UNKNOWN, _("Whether mail from %(address)s passes is not known.") % {"address": sender})
        return []
    found.add(Status.FAIL, _("Mail from %(address)s does not pass.") % {"address": sender})
    return [f"ip{sender.version}:{sender}"]


async def _judge_relay(dns: Lookups, found: Result, policy: Policy, host: str) -> list[str]:
    """A relay's other machines can't be known, unless its provider is: then it is whether the include is there."""
    include = include_for(host)
    if include and include in {one.domain for one in policies(policy)}:
        found.add(Status.PASS, _("The record includes %(include)s, as %(host)s asks for.") % _names(include, host))
        return []
    if include:
        found.add(Status.WARN, _("Mail goes out through %(host)s, which asks for %(include)s.") % _names(include, host))
        return [f"include:{include}"]
    lookup = await dns.addresses(host)
    if not lookup.is_known:
        found.add(Status.UNKNOWN, lookup.trouble)
        return []
    results = {result(policy, ipaddress.ip_address(record)) for record in lookup.records}
    if results == {"pass"}:
        found.add(
            Status.PASS,
            _("Mail from %(host)s passes. If your provider sends from other machines too, they must be in the record.")
            % {"host": host},
        )
        return []
    found.add(
        Status.WARN,
        _(
            "Mail goes out through %(host)s, whose own address is not in the record. Your provider’s documentation "
            "says what to add, for all of its machines; where it says nothing, add the host."
        )
        % {"host": host},
    )
    return [f"a:{host}"]


def _names(include: str, host: str) -> dict[str, str]:
    return {"include": f"include:{include}", "host": host}


def _public_address(host: str) -> Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return address if address.is_global else None
