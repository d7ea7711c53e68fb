"""Addresses: is it one, and which mailbox does it name."""

from __future__ import annotations

import re

import idna
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

# Of what this matches, but for special-use domains, the library changes nothing; it takes a millisecond to say so.
PLAIN = re.compile(
    r"(?=.{6,254}$)[A-Za-z0-9_+-]{1,20}(\.[A-Za-z0-9_+-]{1,20}){0,2}@([a-z0-9]{1,30}(-[a-z0-9]{1,30})?\.){1,3}[a-z]{2,20}"
)


def clean_address(value: str) -> str:
    """The address as it will be shown and mailed to, trimmed. Raises ValidationError saying why (RFC 5321, 6531)."""
    address = value.strip()
    if PLAIN.fullmatch(address) and not address.endswith(_SPECIAL):
        return address
    try:
        result = validate_email(
            address, check_deliverability=False, test_environment=settings.EMBEDDED or settings.DEBUG
        )
    except EmailNotValidError as error:
        raise ValidationError(_("Not an email address: %(reason)s"), params={"reason": str(error)}) from error
    return result.normalized


_SPECIAL = tuple(SPECIAL_USE_DOMAIN_NAMES)


def address_key(address: str) -> str:
    """What makes two addresses one mailbox to us: local part casefolded, domain as lower-case A-label (RFC 5890)."""
    local, _at, domain = address.strip().rpartition("@")
    return f"{local.casefold()}@{_a_label(domain)}"


def ascii_address(address: str) -> str:
    """The address with its domain as A-label: what SMTP takes without SMTPUTF8 when the local part is ASCII."""
    local, _at, domain = address.rpartition("@")
    return f"{local}@{_a_label(domain)}"


def _a_label(domain: str) -> str:
    if domain.isascii():
        return domain.lower()
    try:
        return idna.encode(domain, uts46=True).decode("ascii").lower()
    except idna.IDNAError:
        return domain.lower()
