"""How long something takes, in words. The live page fills in the same formats."""

from __future__ import annotations

from django.utils.translation import gettext as _


def duration_formats() -> dict[str, str]:
    """The formats for less than a minute, less than an hour, and more."""
    return {"seconds": _("{s} s"), "minutes": _("{min} min {s} s"), "hours": _("{h} h {min} min")}


def duration(seconds: int) -> str:
    formats = duration_formats()
    unit = "seconds" if seconds < 60 else "minutes" if seconds < 3600 else "hours"
    return formats[unit].format(h=seconds // 3600, min=seconds % 3600 // 60, s=seconds % 60)
