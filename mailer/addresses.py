"""Addresses: is it one, and which mailbox does it name."""

from __future__ import annotations

import idna
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from email_validator import EmailNotValidError, validate_email


def clean_address(value: str) -> str:
    """The address as it will be shown and mailed to, trimmed. Raises ValidationError saying why (RFC 5321, 6531)."""
    try:
        result = validate_email(
            value.strip(), check_deliverability=False, test_environment=settings.EMBEDDED or settings.DEBUG
        )
    except EmailNotValidError as error:
        raise ValidationError(_("Not an email address: %(reason)s"), params={"reason": str(error)}) from error
    return result.normalized


def address_key(address: str) -> str:
    """What makes two addresses one mailbox to us: local part casefolded, domain as lower-case A-label (RFC 5890)."""
    local, _at, domain = address.strip().rpartition("@")
    return f"{local.casefold()}@{_a_label(domain)}"


def ascii_address(address: str) -> str:
    """The address with its domain as A-label: what SMTP takes without SMTPUTF8 when the local part is ASCII."""
    local, _at, domain = address.rpartition("@")
    return f"{local}@{_a_label(domain)}"


def _a_label(domain: str) -> str:
    try:
        return idna.encode(domain, uts46=True).decode("ascii").lower()
    except idna.IDNAError:
        return domain.lower()
