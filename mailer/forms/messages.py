from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from core.forms.editing import EditForm
from mailer.merge_tags import BARE_EXAMPLE, EXAMPLE, KNOWN_TAGS, TemplateProblem, compile_template
from mailer.models import Message


class MessageForm(EditForm):
    """A message whose merge tags are known to work."""

    class Meta:
        model = Message
        fields = ["subject", "body"]
        widgets = {"body": forms.Textarea(attrs={"rows": 16, "class": "mono"})}

    def clean_subject(self) -> str:
        subject: str = self.cleaned_data["subject"]
        if not subject.isprintable():
            raise ValidationError(_("A subject is one line, without control characters."))
        return _checked(subject)

    def clean_body(self) -> str:
        return _checked(self.cleaned_data["body"])

    def changed_text(self, current: Message) -> str:
        return _(
            "This message was changed at %(time)s, after you had opened it. "
            "What you typed is still here, but not saved. "
            "Save it again to replace what is saved now, or cancel to keep that."
        ) % {"time": date_format(timezone.localtime(current.updated_at), "DATETIME_FORMAT")}

    def gone_text(self) -> str:
        return _("This message has been deleted meanwhile. What you typed is still here: save it as a new message.")


def _checked(source: str) -> str:
    """The source, where its tags parse, are known and can be filled in. Raises ValidationError, with the line."""
    try:
        template = compile_template(source)
        if unknown := template.unknown_tags():
            known = ", ".join(f"{{{{ {tag} }}}}" for tag in KNOWN_TAGS)
            raise ValidationError(
                _("Unknown merge tags: %(unknown)s. Known are: %(known)s."),
                params={"unknown": ", ".join(unknown), "known": known},
            )
        for example in (EXAMPLE, BARE_EXAMPLE):
            template.render({"recipient": example})
    except TemplateProblem as problem:
        where: dict[str, Any] = {"line": problem.line, "problem": str(problem)}
        if problem.line is None:
            raise ValidationError(_("A merge tag does not work: %(problem)s"), params=where) from problem
        raise ValidationError(_("Line %(line)s: %(problem)s"), params=where) from problem
    return source
