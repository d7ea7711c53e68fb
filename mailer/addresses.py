"""Addresses: is it one, and which mailbox does it name."""

from __future__ import annotations

import re

import idna
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from mailer.phrasebook import Phrasebook

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
        raise ValidationError(_("Not an email address: %(reason)s"), params={"reason": _reason(error)}) from error
    return result.normalized


def _reason(error: EmailNotValidError) -> str:
    return REASONS.told(str(error)).replace("SPACE", _("a space"))


REASONS = Phrasebook(  # email-validator's
    gettext_noop("An email address must have an @-sign."),
    gettext_noop("There must be something before the @-sign."),
    gettext_noop("There must be something after the @-sign."),
    gettext_noop("An email address cannot have two periods in a row."),
    gettext_noop("An email address cannot start with a period."),
    gettext_noop("An email address cannot end with a period."),
    gettext_noop("An email address cannot have a period immediately before the @-sign."),
    gettext_noop("An email address cannot have a period immediately after the @-sign."),
    gettext_noop("An email address cannot have a hyphen immediately after the @-sign."),
    gettext_noop("The email address contains invalid characters before the @-sign: %(characters)s."),
    gettext_noop("The part after the @-sign contains invalid characters: %(characters)s."),
    gettext_noop("The part after the @-sign is not valid. It should have a period."),
    gettext_noop("The part after the @-sign is not valid. It is not within a valid top-level domain."),
    gettext_noop("The part after the @-sign is a special-use or reserved name that cannot be used with email."),
    gettext_noop("The email address is too long before the @-sign (%(excess)s)."),
    gettext_noop("The email address is too long after the @-sign (%(excess)s)."),
    gettext_noop("After the @-sign, periods cannot be separated by so many characters (%(excess)s)."),
    gettext_noop("A display name and angle brackets around the email address are not permitted here."),
    gettext_noop("A bracketed IP address after the @-sign is not allowed here."),
    gettext_noop("Quoting the part before the @-sign is not allowed here."),
)

_SPECIAL = tuple(SPECIAL_USE_DOMAIN_NAMES)


def address_key(address: str) -> str:
    """What makes two addresses one mailbox to us: local part casefolded, domain as lower-case A-label (RFC 5890)."""
    local, _at, domain = address.strip().rpartition("@")
    return f"{local.casefold()}@{_a_label(domain)}"


def parts_of_keys(word: str) -> set[str]:
    """What to look for in keys where a person looks for this part of an address: as a local part, and as a domain's."""
    local, at, domain = word.rpartition("@")
    as_domain = f"{local.casefold()}{at}{'.'.join(_a_label(label) for label in domain.split('.'))}"
    return {as_domain} if at else {word.casefold(), as_domain}


def readable_address(key: str) -> str:
    """The key as a person reads it: its domain as U-labels (RFC 5890), where they say the same."""
    local, at, domain = key.rpartition("@")
    try:
        readable = idna.decode(domain)
    except idna.IDNAError:
        return key
    return f"{local}{at}{readable}" if _a_label(readable) == domain else key


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
