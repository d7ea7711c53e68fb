"""An SPF record in its parts (RFC 7208 §4.6, §5, §6)."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from mailer.domains.names import ascii_domain

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

VERSION = re.compile(r"v=spf1(?= |$)", re.IGNORECASE)
DIRECTIVE = re.compile(
    r"(?P<qualifier>[+?~-]?)(?P<name>all|include|a|mx|ptr|ip4|ip6|exists)"
    r"(?::(?P<value>[^\s/]+(?:/(?!/?\d)[^\s/]*)*))?(?P<cidr>(?:/\d{1,3})?(?://\d{1,3})?)",
    re.IGNORECASE,
)
MODIFIER = re.compile(r"(?P<name>[A-Za-z][\w.-]*)=(?P<value>\S*)")
LOOKS_UP = ("include", "a", "mx", "ptr", "exists", "redirect")  # §4.6.4: ten of these at most
NEEDS_DOMAIN = ("include", "exists", "redirect")


class MalformedTerm(ValueError):
    """A term that makes the whole record invalid; its text is the term."""


@dataclass(frozen=True)
class Term:
    """A mechanism, or the modifier `redirect`: its qualifier, its domain ("" for the record's own), its prefixes."""

    name: str
    qualifier: str = "+"
    domain: str = ""
    prefix4: int = 32
    prefix6: int = 128
    network: Network | None = None  # of ip4 and ip6

    @property
    def has_macro(self) -> bool:
        """Whether its domain depends on the very mail (§7)."""
        return "%" in self.domain

    def networks(self, addresses: list[Address]) -> list[Network]:
        """What `a` and `mx` stand for, when their names lead to these addresses."""
        return [
            ipaddress.ip_network((address, self.prefix4 if address.version == 4 else self.prefix6), strict=False)
            for address in addresses
        ]


def is_spf(record: str) -> bool:
    return VERSION.match(record) is not None


def read_terms(record: str) -> list[Term]:
    """The record's terms in their order, `redirect` last, unknown modifiers left out. Raises MalformedTerm."""
    terms, redirects = [], []
    for text in record.split(" ")[1:]:
        if not text:
            continue
        if directive := DIRECTIVE.fullmatch(text):
            terms.append(_directive(text, directive))
        elif (modifier := MODIFIER.fullmatch(text)) is None:
            raise MalformedTerm(text)
        elif modifier["name"].lower() == "redirect":
            redirects.append(Term("redirect", domain=_domain(text, "redirect", modifier["value"])))
    if len(redirects) > 1:
        raise MalformedTerm(f"redirect={redirects[1].domain}")
    has_all = any(term.name == "all" for term in terms)
    return [*terms, *([] if has_all else redirects)]  # §6.1: beside `all` it is ignored


def _directive(text: str, parts: re.Match[str]) -> Term:
    name, value, cidr = parts["name"].lower(), parts["value"] or "", parts["cidr"]
    qualifier = parts["qualifier"] or "+"
    if name in ("ip4", "ip6"):
        return Term(name, qualifier, network=_network(text, name, value, cidr))
    if (cidr and name not in ("a", "mx")) or (value and name == "all"):
        raise MalformedTerm(text)
    prefix4, prefix6 = _prefixes(text, cidr)
    return Term(name, qualifier, _domain(text, name, value), prefix4, prefix6)


def _network(text: str, name: str, value: str, cidr: str) -> Network:
    kind = ipaddress.IPv4Network if name == "ip4" else ipaddress.IPv6Network
    try:
        return kind(value + cidr, strict=False)
    except ValueError:
        raise MalformedTerm(text) from None


def _prefixes(text: str, cidr: str) -> tuple[int, int]:
    first, _slashes, second = cidr.partition("//")
    prefix4, prefix6 = int(first.lstrip("/") or 32), int(second or 128)
    if prefix4 > 32 or prefix6 > 128:
        raise MalformedTerm(text)
    return prefix4, prefix6


def _domain(text: str, name: str, value: str) -> str:
    if not value and name in NEEDS_DOMAIN:
        raise MalformedTerm(text)
    return value if "%" in value else ascii_domain(value)
