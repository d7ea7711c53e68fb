"""Bootstrap's classes on any form's fields, ours or a library's."""

from __future__ import annotations

from django import forms, template
from django.forms import BoundField
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def styled(field: BoundField) -> SafeString:
    """The field's widget with the class its kind has in Bootstrap."""
    classes = [_class_of(field.field.widget), field.field.widget.attrs.get("class", "")]
    if field.errors:
        classes.append("is-invalid")
    return field.as_widget(attrs={"class": " ".join(filter(None, classes))})


def _class_of(widget: forms.Widget) -> str:
    match widget:
        case forms.CheckboxInput() | forms.RadioSelect() | forms.CheckboxSelectMultiple():
            return "form-check-input"
        case forms.Select():
            return "form-select"
        case _:
            return "form-control"
