"""Why an address gets no mail: the word that a skipped delivery keeps, told in its reader's language."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from mailer.models import Recipient, Suppression

BY_SITE = "site"  # whatever the site's reason: it is the site's affair

SENTENCES = {
    Suppression.Reason.UNSUBSCRIBED: gettext_noop("Unsubscribed"),
    Suppression.Reason.HARD_BOUNCE: gettext_noop("A mail server said that this address does not exist"),
    Suppression.Reason.COMPLAINT: gettext_noop("Complained about your mail"),
    Suppression.Reason.MANUAL: gettext_noop("On your suppression list"),
    Suppression.Reason.IMPORTED: gettext_noop("On your suppression list, imported"),
    BY_SITE: gettext_noop("Suppressed by this site"),
}


def why_skipped(word: str) -> str:
    """The sentence for a delivery's `state_reason`; "" for none."""
    return _(SENTENCES[word]) if word in SENTENCES else word


def badges(recipients: Sequence[Recipient]) -> list[tuple[Recipient, list[str]]]:
    """Each recipient with the reasons why no mail goes to them, as a label says it, in one query."""
    active = Suppression.objects.filter(lifted_at=None, address_key__in=[one.address_key for one in recipients])
    reasons: set[tuple[str, int | None, str]] = set(active.values_list("address_key", "owner_id", "reason"))
    return [(one, _labels(one, reasons)) for one in recipients]


def _labels(recipient: Recipient, reasons: set[tuple[str, int | None, str]]) -> list[str]:
    own = [
        str(reason.label)
        for reason in Suppression.Reason
        if (recipient.address_key, recipient.owner_id, reason.value) in reasons
    ]
    is_sites = any((key, owner) == (recipient.address_key, None) for key, owner, _reason in reasons)
    return [*own, *([why_skipped(BY_SITE)] if is_sites else [])]
