from __future__ import annotations

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailer.domains.names import SELECTOR, ascii_domain, is_domain


class DomainForm(forms.Form):
    """A domain to check, as A-label, and the selector of a key that somebody else signs with."""

    domain = forms.CharField(
        label=gettext_lazy("Domain"),
        max_length=253,
        help_text=gettext_lazy("What stands after the @ in the address that you send from."),
        widget=forms.TextInput(attrs={"autocapitalize": "off", "spellcheck": "false"}),
    )
    selector = forms.CharField(
        label=gettext_lazy("DKIM selector"),
        max_length=63,
        required=False,
        help_text=gettext_lazy("Only where your mail server signs, and not this site: your provider tells it."),
        widget=forms.TextInput(attrs={"autocapitalize": "off", "spellcheck": "false"}),
    )

    def clean_domain(self) -> str:
        domain = ascii_domain(self.cleaned_data["domain"].rpartition("@")[2])
        if not is_domain(domain):
            raise ValidationError(_("This is no domain like example.com."))
        return domain

    def clean_selector(self) -> str:
        selector: str = self.cleaned_data["selector"]
        if selector and not SELECTOR.fullmatch(selector):
            raise ValidationError(_("A selector is made of letters, digits and hyphens."))
        return selector
