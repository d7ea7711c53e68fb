"""Who a mailing comes from: an address that the site allows, and a name. Both are the site's own where it says none."""

from __future__ import annotations

from email.utils import parseaddr

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from mailer.addresses import address_key, ascii_address, clean_address


def allowed_addresses() -> list[str]:
    """What stands in From, the site's first choice first: FROM_ADDRESSES, or the address of DEFAULT_FROM_EMAIL."""
    return settings.FROM_ADDRESSES or [parseaddr(settings.DEFAULT_FROM_EMAIL)[1]]


def site_name() -> str:
    """The name in DEFAULT_FROM_EMAIL, or ""."""
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[0]


def is_allowed(address: str) -> bool:
    """Whether mailings may come from it; "" is the site's first choice."""
    return not address or address_key(address) in map(address_key, allowed_addresses())


def sender(name: str, address: str) -> str:
    """`Name <address>`, which `parseaddr` takes apart into the same again, whatever the name is."""
    name, address = name or site_name(), address or allowed_addresses()[0]
    escaped = "".join(f"\\{letter}" if letter in '\\"' else letter for letter in name)
    return f'"{escaped}" <{address}>' if name else address


def sending_domain(address: str) -> str:
    """The address's domain as A-label."""
    return ascii_address(address).rpartition("@")[2] or "localhost"


def validate_from_address(address: str) -> None:
    """Raises ValidationError for one that the site does not allow."""
    if not is_allowed(address):
        raise ValidationError(not_allowed(address))


def not_allowed(address: str) -> str:
    return _("%(address)s is no address that this site allows mailings to come from. Choose another.") % {
        "address": address
    }


def validate_name(name: str) -> None:
    """Raises ValidationError for what could not stand on one line of a header."""
    if not name.isprintable():
        raise ValidationError(_("A name is one line, without control characters."))


def validate_address(address: str) -> None:
    """Raises ValidationError for what can't stand in a header: no address, or other letters before the @."""
    if not ascii_address(clean_address(address)).isascii():
        raise ValidationError(_("Before the @ only Latin letters, digits and signs can stand here."))
