"""How long something takes, in words. The live page fills in the same formats."""

from __future__ import annotations

from django.utils.translation import gettext as _

DAY = 24 * 3600


def duration_formats() -> dict[str, str]:
    """The formats for less than a minute, less than an hour, less than a day, and more."""
    return {
        "seconds": _("{s} s"),
        "minutes": _("{min} min {s} s"),
        "hours": _("{h} h {min} min"),
        "days": _("{d} d {h} h"),
    }


def duration(seconds: int) -> str:
    formats = duration_formats()
    unit = "seconds" if seconds < 60 else "minutes" if seconds < 3600 else "hours" if seconds < DAY else "days"
    parts = {"d": seconds // DAY, "h": seconds % DAY // 3600, "min": seconds % 3600 // 60, "s": seconds % 60}
    return formats[unit].format(**parts)
