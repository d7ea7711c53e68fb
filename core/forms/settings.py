from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import get_language_info, gettext_lazy
from django.utils.translation import gettext as _

from core.models import User
from core.zones import REGIONS, places_by_region


def language_choices() -> list[tuple[str, Any]]:
    """Each language by its own name, for those who read no other."""
    languages = [(code, get_language_info(code)["name_local"].capitalize()) for code, _name in settings.LANGUAGES]
    return [("", gettext_lazy("As the browser asks")), *languages]


def zone_choices() -> list[tuple[Any, Any]]:
    as_the_site = _("As the site: %(zone)s") % {"zone": settings.TIME_ZONE}
    regions = [(REGIONS[region], places) for region, places in places_by_region().items()]
    return [("", as_the_site), ("UTC", "UTC"), *regions]


class SettingsForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """What people choose for their own account."""

    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=language_choices, required=False)
    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        choices=zone_choices,
        required=False,
        help_text=gettext_lazy("In which times are shown, and meant when you enter them."),
    )

    class Meta:
        model = User
        fields = ["full_name", "language", "time_zone"]

    def clean_full_name(self) -> str:
        full_name: str = self.cleaned_data["full_name"]
        if not full_name.isprintable():
            raise ValidationError(_("A name is one line, without control characters."))
        return full_name

    def save(self, commit: bool = True) -> User:
        """What stands in the form alone: a manager may be changing the rest of the account, or deleting it."""
        User.objects.filter(pk=self.instance.pk).update(**self.cleaned_data)
        user: User = self.instance
        return user
