"""Questions to the DNS, all within one budget of time; whatever goes wrong is an answer too, and told apart."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.rdatatype
import dns.resolver
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from mailer.domains.names import may_be_asked

PATIENCE = 4.0  # seconds for one question, over all of its tries
ONE_TRY = 1.5  # seconds
MOST_QUESTIONS = 120  # whoever writes a domain's records could have us ask for ever
LONGEST_RECORD = 4096  # characters
EDNS_PAYLOAD = 1232  # octets that fit through any network in one packet


class Outcome(StrEnum):
    """What a question came to. All but the first three mean that nothing is known."""

    FOUND = "found"
    NO_NAME = "no such name"
    NO_RECORD = "no such record"
    TIMED_OUT = "timed out"
    SERVER_FAILED = "server failed"
    NO_RESOLVER = "no resolver"
    TOO_MANY = "too many questions"


TROUBLE = {
    Outcome.TIMED_OUT: gettext_noop("The DNS did not answer in time for %(name)s."),
    Outcome.SERVER_FAILED: gettext_noop(
        "The DNS could not answer for %(name)s: the server that is asked, or the domain’s own, reports an error."
    ),
    Outcome.NO_RESOLVER: gettext_noop("%(name)s was not looked up: this machine knows no DNS server."),
    Outcome.TOO_MANY: gettext_noop("%(name)s was not looked up: the domain’s records lead to too many others."),
}


@dataclass(frozen=True)
class Lookup:
    """One question's outcome, with its records as text where there are some."""

    name: str
    outcome: Outcome
    records: tuple[str, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether the DNS has answered, be it that there is nothing."""
        return self.outcome in (Outcome.FOUND, Outcome.NO_NAME, Outcome.NO_RECORD)

    @property
    def trouble(self) -> str:
        """Why nothing is known."""
        return _(TROUBLE[self.outcome]) % {"name": self.name}


class Lookups:
    """Asks each question once, until the budget (in seconds) is spent: then whatever is asked has timed out."""

    def __init__(self, budget: float, patience: float = PATIENCE) -> None:
        self._deadline = time.monotonic() + budget
        self._patience = patience
        self._asked: dict[tuple[str, str], asyncio.Task[Lookup]] = {}
        self._resolver = _resolver()

    async def txt(self, name: str) -> Lookup:
        return await self._once(name, "TXT")

    async def mx(self, name: str) -> Lookup:
        """Records like "10 mx.example.com"; "0 ." is the null MX (RFC 7505)."""
        return await self._once(name, "MX")

    async def addresses(self, name: str) -> Lookup:
        """IPv4 and IPv6 in one; where either question failed and the other found nothing, nothing is known."""
        both = await asyncio.gather(self._once(name, "A"), self._once(name, "AAAA"))
        records = tuple(record for lookup in both for record in lookup.records)
        if records:
            return Lookup(name, Outcome.FOUND, records)
        return next((lookup for lookup in both if not lookup.is_known), both[0])

    async def _once(self, name: str, kind: str) -> Lookup:
        key = (name, kind)
        if key not in self._asked:
            if len(self._asked) >= MOST_QUESTIONS:
                return Lookup(name, Outcome.TOO_MANY)
            self._asked[key] = asyncio.create_task(self._ask(name, kind))
        return await self._asked[key]

    async def _ask(self, name: str, kind: str) -> Lookup:
        if not may_be_asked(name):
            return Lookup(name, Outcome.NO_NAME)
        if self._resolver is None:
            return Lookup(name, Outcome.NO_RESOLVER)
        left = min(self._patience, self._deadline - time.monotonic())
        if left <= 0:
            return Lookup(name, Outcome.TIMED_OUT)
        try:
            async with asyncio.timeout(left):
                answer = await self._resolver.resolve(f"{name}.", kind, lifetime=left)
        except (TimeoutError, dns.resolver.LifetimeTimeout):
            return Lookup(name, Outcome.TIMED_OUT)
        except dns.resolver.NXDOMAIN:
            return Lookup(name, Outcome.NO_NAME)
        except dns.resolver.NoAnswer as nothing:
            is_cut_off = nothing.kwargs["response"].flags & dns.flags.TC  # over TCP too: it can't say what there is
            return Lookup(name, Outcome.SERVER_FAILED if is_cut_off else Outcome.NO_RECORD)
        except (dns.exception.DNSException, OSError, ValueError):
            return Lookup(name, Outcome.SERVER_FAILED)
        return Lookup(name, Outcome.FOUND, tuple(_text(rdata) for rdata in answer))


def _resolver() -> dns.asyncresolver.Resolver | None:
    """That of the settings, else the system's; None where there is neither."""
    try:
        resolver = dns.asyncresolver.Resolver(configure=settings.DNS_RESOLVER is None)
    except dns.resolver.NoResolverConfiguration:
        return None
    if settings.DNS_RESOLVER is not None:
        address, resolver.port = settings.DNS_RESOLVER
        resolver.nameservers = [address]
    resolver.timeout = ONE_TRY
    resolver.use_edns(0, 0, EDNS_PAYLOAD)
    return resolver


def _text(rdata: Any) -> str:
    """A record's value as one line of printable text: it was written by anybody."""
    if rdata.rdtype == dns.rdatatype.TXT:
        text = b"".join(rdata.strings).decode("utf-8", "replace")
    elif rdata.rdtype == dns.rdatatype.MX:
        text = f"{rdata.preference} {rdata.exchange.to_text(omit_final_dot=True).lower()}"
    else:
        text = rdata.to_text()
    return "".join(character if character.isprintable() else "\ufffd" for character in text[:LONGEST_RECORD])
