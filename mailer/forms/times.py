"""A date and time as a person's clock shows it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

FORMAT = "%Y-%m-%dT%H:%M"  # what datetime-local inputs send and take
YEARS = range(1970, 9999)  # well within what a datetime holds, so that every zone's clock has the time


def validate_year(moment: datetime) -> None:
    if moment.year not in YEARS:
        raise ValidationError(_("This date is out of range."))


class WallTimeField(forms.DateTimeField):
    """Takes a time in the current time zone, gives it aware, in UTC.

    One that a clock change skips is refused; of two that a clock change makes the first is meant.
    """

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=FORMAT)
    default_validators = [validate_year]

    def to_python(self, value: Any) -> datetime | None:
        if value in self.empty_values:
            return None
        wall_time = _parsed(str(value))
        try:
            moment = wall_time.astimezone(UTC)
            exists = moment.astimezone(wall_time.tzinfo).replace(tzinfo=None) == wall_time.replace(tzinfo=None)
        except OverflowError as error:
            raise ValidationError(_("This date is out of range.")) from error
        if not exists:
            raise ValidationError(
                _("This time does not exist in %(zone)s: the clocks change then. Choose one before or after."),
                params={"zone": timezone.get_current_timezone_name()},
            )
        return moment


def happens_twice(moment: datetime) -> bool:
    """Whether clocks in the current time zone show the moment's time again, or had shown it before."""
    local = timezone.localtime(moment)
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


def _parsed(text: str) -> datetime:
    try:
        found = parse_datetime(text.strip())
    except ValueError as error:
        raise ValidationError(_("There is no such date or time.")) from error
    if found is None:
        raise ValidationError(_("Write a date and a time, like 2026-03-31T09:00."))
    return found if found.tzinfo else found.replace(tzinfo=timezone.get_current_timezone())
