from __future__ import annotations

from typing import Any, BinaryIO

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.forms.editing import EditForm
from mailer.addresses import address_key, clean_address
from mailer.importing import LARGEST_FILE
from mailer.models import Recipient


class RecipientForm(EditForm):
    """A recipient, once per owner."""

    class Meta:
        model = Recipient
        fields = ["email", "full_name", "comment"]
        widgets = {"comment": forms.Textarea(attrs={"rows": 3})}

    def clean_email(self) -> str:
        email = clean_address(self.cleaned_data["email"])
        if existing := self._existing(email):
            raise _taken_by(existing)
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
            existing = self._existing(self.cleaned_data["email"])
            if existing is None:
                raise
            self.add_error("email", _taken_by(existing))
            return None

    def changed_text(self, current: Recipient) -> str:
        return _(
            "This recipient was changed after you had opened it. What you typed is still here, but not saved. "
            "Save it again to replace what is saved now, or cancel to keep that."
        )

    def gone_text(self) -> str:
        return _("This recipient has been deleted meanwhile. What you typed is still here: save it as a new one.")

    def _existing(self, email: str) -> Recipient | None:
        """Another recipient of the same owner with this address."""
        same = Recipient.objects.filter(owner=self.instance.owner_id, address_key=address_key(email))
        return same.exclude(pk=self.instance.pk).first()


def _taken_by(existing: Recipient) -> ValidationError:
    return ValidationError(_("You have this recipient already: %(existing)s"), params={"existing": existing})


class ImportForm(forms.Form):
    """A CSV file, or its text pasted."""

    one_of = ("file", "pasted")  # is needed, so that neither is called optional

    file = forms.FileField(label=gettext_lazy("CSV file"), required=False)
    pasted = forms.CharField(
        label=gettext_lazy("or paste it here"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "class": "mono", "placeholder": "email,full_name,comment"}),
    )

    def clean_file(self) -> UploadedFile[Any] | None:
        file: UploadedFile[Any] | None = self.cleaned_data["file"]
        if file and (file.size or 0) > LARGEST_FILE:  # before any of it is read into memory
            raise ValidationError(
                _("The file is larger than %(most)d MB."), params={"most": LARGEST_FILE // 1024 // 1024}
            )
        return file

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if bool(cleaned.get("file")) == bool(cleaned.get("pasted", "").strip()) and not self.errors:
            raise ValidationError(_("Choose a file or paste its text: one of the two."))
        return cleaned

    def data_to_import(self) -> BinaryIO | str:
        """The file as it lies on the disk, or what was pasted."""
        file = self.cleaned_data["file"]
        content: BinaryIO | str = file.file if file else self.cleaned_data["pasted"]
        return content
