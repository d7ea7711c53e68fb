"""Forms for what several people, or one person in several windows, may edit at the same time."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any, TypeVar

from django import forms
from django.core.signing import BadSignature, Signer
from django.db.models import Model, QuerySet
from django.forms.models import model_to_dict
from django.http import Http404
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from core.access import SignedInRequest, owned

M = TypeVar("M", bound=Model)


class EditForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """A form that overwrites nothing in silence: who saves second is told what has been saved since it was shown.

    What was typed stays in it, and wins when it is saved once more. Validating locks the object's row: it belongs
    into the transaction that saves. A page shows `seen`, and `saved_now`: label and value of what differs.
    """

    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, is_gone: bool = False, **kwargs: Any) -> None:
        """`is_gone`: what it was shown for is not there any more, see `owned_unless_gone`."""
        super().__init__(*args, **kwargs)
        self.is_gone = is_gone
        self.saved_now: list[tuple[str, str]] = []
        self.is_offered_as_new = False  # what was typed can't be saved to its object: it can become a new one
        if self.instance.pk is not None:
            self.initial["seen"] = self._mark(self.instance)

    @property
    def has_conflict(self) -> bool:
        return self.is_offered_as_new or bool(self.saved_now)

    def saved_values(self, instance: Any) -> dict[str, Any]:
        """The values that the form edits, by field."""
        return model_to_dict(instance, self._meta.fields)

    def changed_text(self, current: Any) -> str:
        raise NotImplementedError

    def gone_text(self) -> str:
        raise NotImplementedError

    def offer_as_new(self, why: str) -> None:
        """Keep what was typed, not to be saved where it came from."""
        self.is_offered_as_new = True
        self.add_error(None, why)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        current = None
        if self.instance.pk is not None:
            # Not its key: a launch holds that of its recipients, for as long as it makes their deliveries.
            there = type(self.instance)._default_manager.select_for_update(no_key=True)
            current = there.filter(pk=self.instance.pk).first()
            self.is_gone = current is None
        if self.is_gone:
            self.offer_as_new(self.gone_text())
        elif current is not None:
            self.compare_with(current)
        return cleaned

    def compare_with(self, current: Any) -> None:
        """Tell what is otherwise in the object as it is now, its row locked, than when the form was shown."""
        name = self.add_prefix("seen")
        mark = self._mark(current)
        if not self.data.get(name) or self.data[name] == mark:
            return
        self.saved_now = self._differing(current)
        if self.saved_now:
            self.add_error(None, self.changed_text(current))
            typed: Any = self.data
            self.data = typed = typed.copy()
            typed[name] = mark

    def _differing(self, current: Any) -> list[tuple[str, str]]:
        saved = self.saved_values(current)
        return [
            (str(self[name].label), _shown(self.fields[name], value))
            for name, value in saved.items()
            if _plain(self.fields[name], value)
            != _plain(self.fields[name], self.cleaned_data.get(name, self[name].data))
        ]

    def _mark(self, instance: Any) -> str:
        values = json.dumps(self.saved_values(instance), default=str, sort_keys=True)
        return _signer(type(instance), instance.pk).sign(hashlib.sha256(values.encode()).hexdigest())


async def owned_unless_gone(request: SignedInRequest, queryset: QuerySet[M], pk: int) -> M | None:
    """Like `owned`, but None where a form of the object was shown to somebody and comes back after it has gone."""
    try:
        return await owned(request, queryset, pk)
    except Http404:
        try:
            _signer(queryset.model, pk).unsign(request.POST.get("seen", ""))
        except BadSignature:
            raise Http404 from None
        return None


def _signer(model: type[Model], pk: int) -> Signer:
    return Signer(salt=f"core.forms.EditForm:{model._meta.label}:{pk}")


def _plain(field: forms.Field, value: Any) -> str:
    """The value as the field's widget writes it, to compare."""
    written: Any = field.widget.format_value(field.prepare_value(value))
    text = ",".join(written) if isinstance(written, list) else str(written or "")
    return text.replace("\r\n", "\n")


def _shown(field: Any, value: Any) -> str:
    if isinstance(value, datetime):
        return date_format(timezone.localtime(value), "DATETIME_FORMAT")
    if hasattr(field, "choices"):
        return str(next((label for key, label in field.choices if str(key) == str(value)), value))
    return str(value) or _("(empty)")
