from __future__ import annotations

from typing import IO, Any

from django import forms
from django.utils.translation import gettext_lazy as _

from mailer.forms.recipients import ImportForm
from mailer.models import Suppression

Reason = Suppression.Reason


class SuppressForm(ImportForm):
    """Addresses, typed, pasted or in a file, and why they are not to be mailed."""

    reason = forms.ChoiceField(
        label=_("Reason"),
        required=False,
        choices=[
            ("", _("None in particular")),
            *((reason, reason.label) for reason in (Reason.UNSUBSCRIBED, Reason.COMPLAINT, Reason.HARD_BOUNCE)),
        ],
    )
    note = forms.CharField(label=_("Note"), required=False, max_length=300)
    field_order = ("pasted", "file", "reason", "note")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["pasted"].label = _("Addresses, one on each line")
        self.fields["pasted"].widget.attrs["placeholder"] = "ana@example.com"
        self.fields["file"].label = _("or a file: CSV or text")

    @property
    def given_reason(self) -> str:
        chosen: str = self.cleaned_data["reason"]
        return chosen or (Reason.IMPORTED if self.cleaned_data["file"] else Reason.MANUAL)

    @property
    def source(self) -> str:
        """The note, or where there is none the file's name."""
        file = self.cleaned_data["file"]
        return self.cleaned_data["note"] or (str(file.name) if file else "")

    @property
    def listed(self) -> IO[bytes] | str:
        file = self.cleaned_data["file"]
        content: IO[bytes] | str = file.file if file else self.cleaned_data["pasted"]
        return content


class LiftForm(forms.Form):
    why = forms.CharField(label=_("Why may this address be mailed again?"), max_length=300)
