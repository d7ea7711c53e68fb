"""Domain names: is it one that the public DNS may be asked for, and whom does it belong to."""

from __future__ import annotations

import re
from email.utils import parseaddr
from functools import cache

import idna
from publicsuffixlist import PublicSuffixList

DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])")
SELECTOR = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*")
# Labels of the DNS may have an underscore too, as in _dmarc and _spf.
DNS_NAME = re.compile(r"(?=.{4,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])")
# What is no name of the public DNS (RFC 6761, 6762, 7686, 9476, and ICANN's .internal).
LOCAL = {"arpa", "alt", "corp", "home", "internal", "intranet", "invalid", "lan", "local", "localdomain", "localhost"}
LOCAL |= {"onion", "private"}


def ascii_domain(text: str) -> str:
    """The domain as lower-case A-labels (RFC 5890), without the root's dot; what IDNA refuses comes back as it is."""
    name = text.removesuffix(".")
    if name.isascii():
        return name.lower()
    try:
        return idna.encode(name, uts46=True).decode("ascii").lower()
    except idna.IDNAError:
        return name


def domain_of(address: str) -> str:
    """The domain of a header's `Name <address>`, as A-label."""
    return ascii_domain(parseaddr(address)[1].rpartition("@")[2])


def is_domain(name: str) -> bool:
    """Whether it may be a domain that sends mail, in A-labels: no IP address, no name of a local network."""
    return DOMAIN.fullmatch(name) is not None and not is_local(name) and _labels_are_valid(name)


def may_be_asked(name: str) -> bool:
    """Whether the DNS is asked for it: records name hosts, and their writer may be anybody."""
    return DNS_NAME.fullmatch(name) is not None and not is_local(name)


def is_local(name: str) -> bool:
    return name.rpartition(".")[2] in LOCAL


def _labels_are_valid(name: str) -> bool:
    try:
        idna.decode(name)
    except idna.IDNAError:
        return False
    return True


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def organisation(name: str) -> str:
    """The organisational domain: one label below the public suffix; a suffix is its own."""
    return _suffixes().privatesuffix(name) or name


def is_aligned(one: str, other: str, *, strictly: bool = False) -> bool:
    """Whether DMARC counts the two as one domain (RFC 9989 §4.4)."""
    return one == other if strictly else organisation(one) == organisation(other)
