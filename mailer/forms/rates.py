from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from mailer.models.throttles import FASTEST, Throttle
from mailer.rates import SECOND, Rate


def most_field() -> forms.IntegerField:
    return forms.IntegerField(
        label=_("At most"), min_value=1, max_value=FASTEST, required=False, help_text=_("Empty: as fast as it goes.")
    )


def period_field() -> forms.TypedChoiceField:
    return forms.TypedChoiceField(
        label=_("mails per"),
        choices=Throttle.Period.choices,
        coerce=int,
        empty_value=None,
        initial=SECOND,
        required=False,
    )


def rate_from(cleaned: dict[str, Any]) -> Rate | None:
    """The rate that a valid form says."""
    return Rate(cleaned["most"], cleaned["period"] or SECOND) if cleaned["most"] else None


def values_of(rate: Rate | None) -> dict[str, Any]:
    """The rate as a form shows it."""
    return {"most": rate.most, "period": rate.period} if rate else {"most": "", "period": SECOND}


class RateForm(forms.Form):
    """How fast a mailing, or the site, may go."""

    most = most_field()
    period = period_field()

    def __init__(self, data: Any = None, *, rate: Rate | None) -> None:
        super().__init__(data, initial=values_of(rate))

    @property
    def rate(self) -> Rate | None:
        return rate_from(self.cleaned_data)
