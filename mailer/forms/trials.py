from __future__ import annotations

import re

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailer.addresses import address_key, clean_address

MOST_ADDRESSES = 10


class TrialForm(forms.Form):
    """Where a test goes, and with whom it is filled in: a recipient's key, or the name of an example."""

    addresses = forms.CharField(
        label=gettext_lazy("To"),
        max_length=4_000,
        help_text=gettext_lazy("Up to ten addresses, each on its own line or with commas between them."),
        widget=forms.Textarea(attrs={"rows": 3, "autocapitalize": "off", "spellcheck": "false"}),
    )
    recipient = forms.CharField(max_length=20, required=False)

    def clean_addresses(self) -> list[str]:
        typed = [part.strip() for part in re.split(r"[,;\n]", self.cleaned_data["addresses"]) if part.strip()]
        if len(typed) > MOST_ADDRESSES:
            raise ValidationError(_("At most %(most)s addresses at once."), params={"most": MOST_ADDRESSES})
        found: dict[str, str] = {}
        for address in typed:
            clean = _clean(address)
            found.setdefault(address_key(clean), clean)
        if not found:
            raise ValidationError(_("Write at least one address."))
        return list(found.values())


def _clean(address: str) -> str:
    try:
        return clean_address(address)
    except ValidationError as error:
        raise ValidationError(f"{address[:100]}: {error.messages[0]}") from error
