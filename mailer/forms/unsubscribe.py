from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from mailer.models import Suppression


class WhyForm(forms.Form):
    """Why somebody has unsubscribed: whatever they like to say, and nothing if they don't."""

    why = forms.ChoiceField(
        label=_("Would you tell why?"), choices=Suppression.Why.choices, required=False, widget=forms.RadioSelect
    )
    words = forms.CharField(
        label=_("In your own words"), max_length=500, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )

    def clean_words(self) -> str:
        words: str = self.cleaned_data["words"]
        return words.replace("\0", "")
