from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.forms.editing import EditForm
from mailer.models import Message
from mailer.writing.checks import check


class MessageForm(EditForm):
    """A message whose merge tags are known to work."""

    class Meta:
        model = Message
        fields = ["subject", "kind", "body", "alternative"]
        widgets = {
            "kind": forms.RadioSelect,
            "body": forms.Textarea(attrs={"rows": 22, "class": "mono", "spellcheck": "true"}),
            "alternative": forms.Textarea(attrs={"rows": 8, "class": "mono"}),
        }
        labels = {"alternative": gettext_lazy("Your own plain text")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].required = False

    def clean_kind(self) -> str:
        kind: str = self.cleaned_data["kind"] or self.instance.kind
        return kind

    def clean_subject(self) -> str:
        subject: str = self.cleaned_data["subject"]
        if not subject.isprintable():
            raise ValidationError(_("A subject is one line, without control characters."))
        return subject

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        typed = {name: cleaned.get(name, "") for name in ("subject", "kind", "body", "alternative")}
        for name, complaints in check(Message(**typed)).complaints.items():
            for complaint in complaints:
                self.add_error(name, complaint)
        return cleaned

    def changed_text(self, current: Message) -> str:
        return _(
            "This message was changed at %(time)s, after you had opened it. "
            "What you typed is still here, but not saved. "
            "Save it again to replace what is saved now, or cancel to keep that."
        ) % {"time": date_format(timezone.localtime(current.updated_at), "DATETIME_FORMAT")}

    def gone_text(self) -> str:
        return _("This message has been deleted meanwhile. What you typed is still here: save it as a new message.")
