"""The time zones that people choose from."""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

REGIONS: dict[str, str | Promise] = {
    "Africa": _("Africa"),
    "America": _("America"),
    "Antarctica": _("Antarctica"),
    "Arctic": _("Arctic"),
    "Asia": _("Asia"),
    "Atlantic": _("Atlantic Ocean"),
    "Australia": _("Australia"),
    "Europe": _("Europe"),
    "Indian": _("Indian Ocean"),
    "Pacific": _("Pacific Ocean"),
}


@cache
def places_by_region() -> dict[str, list[tuple[str, str]]]:
    """Of each of the REGIONS its zones, as zoneinfo's name and the place's, in alphabetical order."""
    names = sorted(available_timezones())
    return {
        region: [(name, name.partition("/")[2].replace("_", " ")) for name in names if name.startswith(f"{region}/")]
        for region in REGIONS
    }
