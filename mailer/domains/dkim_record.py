"""Would DKIM pass: is each key that signs here in the DNS, and is it the right one."""

from __future__ import annotations

import asyncio
import binascii
from base64 import b64decode

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from django.conf import settings
from django.utils.translation import gettext as _

from mailer.delivery.dkim_keys import (
    ADVISED_RSA,
    SHORTEST_RSA,
    KeyProblem,
    PrivateKey,
    dns_value,
    kind_of,
    public_value,
    read_key,
)
from mailer.domains.findings import Record, Result, Status
from mailer.domains.lookups import Lookups, Outcome
from mailer.domains.names import is_aligned
from mailer.domains.tags import MalformedRecord, read_tags

ED25519_OCTETS = 32


async def check_dkim(dns: Lookups, domain: str, selector: str = "") -> Result:
    """The keys that sign here for the domain; with a selector given, whatever key the DNS has under it."""
    found = Result("dkim")
    if selector:
        await _judge_record(dns, found, f"{selector}._domainkey.{domain}", None)
    elif not settings.DKIM_KEY_FILE:
        found.add(
            Status.UNKNOWN,
            _(
                "No key is set up here (DKIM_KEY_FILE). If your mail server signs, give its selector to have its "
                "key looked up; if it does not, make a key with manage.py make_dkim_key."
            ),
        )
    elif not is_aligned(domain, settings.DKIM_DOMAIN):
        found.add(
            Status.FAIL,
            _("Mail is signed here for %(signed)s, which does not count for %(domain)s.")
            % {"signed": settings.DKIM_DOMAIN, "domain": domain},
        )
    else:
        await _judge_our_keys(dns, found)
    return found


async def _judge_our_keys(dns: Lookups, found: Result) -> None:
    for selector, file in zip(settings.DKIM_SELECTOR, settings.DKIM_KEY_FILE, strict=True):
        try:
            key = await asyncio.to_thread(read_key, file)
        except KeyProblem:  # its text names the file, which is not for everybody
            found.add(Status.FAIL, _("The key of the selector %(name)s can’t be read here.") % {"name": selector})
        else:
            await _judge_record(dns, found, f"{selector}._domainkey.{settings.DKIM_DOMAIN}", key)


async def _judge_record(dns: Lookups, found: Result, name: str, key: PrivateKey | None) -> None:
    lookup = await dns.txt(name)
    found.found += [Record(name, "TXT", record) for record in lookup.records]
    ours = [Record(name, "TXT", dns_value(key))] if key else []
    if not lookup.is_known:
        found.add(Status.UNKNOWN, lookup.trouble)
        return
    if lookup.outcome != Outcome.FOUND:
        fault = _("There is no DKIM key at %(name)s.") % {"name": name}
    elif len(lookup.records) > 1:
        fault = _("There are %(n)s records at %(name)s. There must be one.") % {
            "n": len(lookup.records),
            "name": name,
        }
    else:
        fault = _fault_in(found, name, lookup.records[0], key)
    if fault:
        found.add(Status.FAIL, fault)
        found.publish += ours


def _fault_in(found: Result, name: str, record: str, key: PrivateKey | None) -> str:
    """Why no signature with the key would pass, or ""; then what there is to say is added."""
    names = {"name": name}
    try:
        tags = read_tags(record)
    except MalformedRecord as malformed:
        return _("The record at %(name)s has a part that is not valid: %(part)s") % {**names, "part": str(malformed)}
    kind, value = tags.get("k", "rsa"), "".join(tags.get("p", "").split())
    if tags.get("v", "DKIM1") != "DKIM1" or "p" not in tags:
        return _("The record at %(name)s is no DKIM key.") % names
    if not value:
        return _("The key at %(name)s has been withdrawn: its p= is empty.") % names
    if "sha256" not in tags.get("h", "sha256").replace(" ", "").split(":"):
        return _("The record at %(name)s does not allow SHA-256 (h=).") % names
    if "email" not in (services := tags.get("s", "*").replace(" ", "").split(":")) and "*" not in services:
        return _("The key at %(name)s is not for mail (s=).") % names
    if key and (kind, value) != (kind_of(key), public_value(key)):
        return _("The key at %(name)s is another one than that which signs here.") % names
    bits = key_bits(kind, value)
    if bits is None:
        return _("What is at %(name)s is no key that can be read.") % names
    if kind == "rsa" and bits < SHORTEST_RSA:
        return _("The key at %(name)s has %(bits)s bits; receivers take none below %(least)s.") % {
            **names,
            "bits": bits,
            "least": SHORTEST_RSA,
        }
    _praise(found, name, tags, is_short=kind == "rsa" and bits < ADVISED_RSA, is_ours=key is not None)
    return ""


def _praise(found: Result, name: str, tags: dict[str, str], *, is_short: bool, is_ours: bool) -> None:
    if is_ours:
        found.add(Status.PASS, _("The key at %(name)s is the one that signs here.") % {"name": name})
    else:
        found.add(Status.PASS, _("There is a key at %(name)s.") % {"name": name})
    if is_short:
        found.add(Status.WARN, _("The key is short: %(bits)s bits are advised.") % {"bits": ADVISED_RSA})
    if "y" in tags.get("t", "").replace(" ", "").split(":"):
        found.add(Status.WARN, _("The record says that it is a test (t=y): receivers may ignore the signature."))


def key_bits(kind: str, value: str) -> int | None:
    """The length of a published key, or None where it is none."""
    try:
        octets = b64decode(value, validate=True)
        if kind == "ed25519":
            return 8 * len(octets) if len(octets) == ED25519_OCTETS else None
        key = load_der_public_key(octets)
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        return None
    return key.key_size if kind == "rsa" and isinstance(key, RSAPublicKey) else None
