from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mailer.addresses import address_key, clean_address
from mailer.models import Recipient


class RecipientForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """A recipient, once per owner."""

    class Meta:
        model = Recipient
        fields = ["email", "full_name", "comment"]
        widgets = {
            "email": forms.EmailInput(attrs={"autocomplete": "off"}),
            "comment": forms.Textarea(attrs={"rows": 3}),
        }

    def clean_email(self) -> str:
        email = clean_address(self.cleaned_data["email"])
        same = Recipient.objects.filter(owner=self.instance.owner_id, address_key=address_key(email))
        if existing := same.exclude(pk=self.instance.pk).first():
            raise ValidationError(_("You have this recipient already: %(existing)s"), params={"existing": existing})
        return email

    def clean_full_name(self) -> str:
        full_name: str = self.cleaned_data["full_name"]
        if not full_name.isprintable():
            raise ValidationError(_("A name is one line, without control characters."))
        return full_name

    def save(self, commit: bool = True) -> Any:
        """The saved recipient, or None, with an error at the email, where another request was first."""
        try:
            with transaction.atomic():
                return super().save(commit)
        except IntegrityError:
            self.add_error("email", _("You have this recipient already."))
            return None


class ImportForm(forms.Form):
    """A CSV file, or its text pasted."""

    file = forms.FileField(label=gettext_lazy("CSV file"), required=False)
    pasted = forms.CharField(
        label=gettext_lazy("or paste it here"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "class": "mono", "placeholder": "email,full_name,comment"}),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if bool(cleaned.get("file")) == bool(cleaned.get("pasted", "").strip()) and not self.errors:
            raise ValidationError(_("Choose a file or paste its text: one of the two."))
        return cleaned

    def data_to_import(self) -> bytes | str:
        file = self.cleaned_data["file"]
        content: bytes | str = file.read() if file else self.cleaned_data["pasted"]
        return content
