from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from mailer.merge_tags import BARE_EXAMPLE, EXAMPLE, KNOWN_TAGS, TemplateProblem, compile_template
from mailer.models import Message


class MessageForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
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
