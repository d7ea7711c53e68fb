"""What Gmail and Yahoo (since February 2024) and Outlook (since May 2025) ask of those who send much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from core.loopback import is_loopback
from mailer.domains.findings import Status, worst

GMAIL, YAHOO, OUTLOOK = PROVIDERS = ("Gmail", "Yahoo", "Outlook")


@dataclass(frozen=True)
class Rule:
    """A requirement, the check that it stands or falls with ("" where nothing here can tell), and whose it is."""

    text: Any
    check: str
    required_by: tuple[str, ...] = PROVIDERS


RULES = (
    Rule(_("SPF passes: the domain’s record covers the machine that sends."), "spf"),
    Rule(_("DKIM passes: mail is signed with a key of at least 1,024 bits that is in the DNS."), "dkim"),
    Rule(_("There is a DMARC policy, p=none at least, and SPF or DKIM counts for the sender’s very domain."), "dmarc"),
    Rule(_("The sender’s domain takes mail."), "mx"),
    Rule(
        _("Whoever gets a mailing can unsubscribe with one click: that needs a site with an https address (SITE_URL)."),
        "unsubscribe",
        (GMAIL, YAHOO),
    ),
    Rule(_("Mail is handed over encrypted (EMAIL_USE_TLS or EMAIL_USE_SSL)."), "tls", (GMAIL,)),
    Rule(_("The sending machine’s address has a name that leads back to it (PTR). Your provider sees to that."), ""),
    Rule(_("Fewer than 3 in 1,000 recipients call it spam, better fewer than 1."), "", (GMAIL, YAHOO)),
)


def site_statuses() -> dict[str, Status]:
    """What this site's own settings come to. They matter to those who send 5,000 mails a day or more."""
    is_encrypted = settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL or is_loopback(settings.EMAIL_HOST)
    return {
        "unsubscribe": Status.PASS if settings.IS_HTTPS else Status.WARN,
        "tls": Status.PASS if is_encrypted else Status.WARN,
    }


def verdicts(statuses: Mapping[str, Status]) -> dict[str, Status]:
    """By provider: the worst of what it requires and can be checked."""
    return {
        provider: worst(statuses[rule.check] for rule in RULES if rule.check and provider in rule.required_by)
        for provider in PROVIDERS
    }
