"""Why a delivery was skipped: the word that it keeps, told in its reader's language."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from mailer.models import Suppression

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
