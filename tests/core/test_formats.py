"""How dates and times are written: one way for each language, with 24 hours."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.forms import DateTimeField
from django.template import Context, Template
from django.utils import translation
from django.utils.formats import date_format, get_format

MOMENT = datetime(2026, 9, 3, 9, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "formats", "shown"),
    [
        ("en", ["DATE_FORMAT", "SHORT_DATE_FORMAT"], "3 Sep 2026"),
        ("en", ["DATETIME_FORMAT", "SHORT_DATETIME_FORMAT"], "3 Sep 2026, 09:00"),
        ("en", ["MOMENT_FORMAT"], "3 Sep 2026, 09:00:05"),
        ("en", ["TIME_FORMAT"], "09:00"),
        ("ru", ["SHORT_DATE_FORMAT"], "03.09.2026"),
        ("ru", ["SHORT_DATETIME_FORMAT"], "03.09.2026 09:00"),
        ("ru", ["MOMENT_FORMAT"], "03.09.2026 09:00:05"),
        ("ru", ["DATETIME_FORMAT"], "3 сентября 2026 г. 9:00"),
    ],
)
def test_a_moment_is_written_one_way(language: str, formats: list[str], shown: str) -> None:
    with translation.override(language):
        assert {date_format(MOMENT, name) for name in formats} == {shown}


def test_templates_write_it_so_without_being_told(settings: Any) -> None:
    settings.TIME_ZONE = "UTC"
    with translation.override("en"):
        assert Template("{{ at }}").render(Context({"at": MOMENT})) == "3 Sep 2026, 09:00"


@pytest.mark.parametrize(("language", "first"), [("en", "%Y-%m-%d"), ("ru", "%d.%m.%Y")])
def test_what_forms_take_is_as_it_was(language: str, first: str) -> None:
    with translation.override(language):
        assert get_format("DATE_INPUT_FORMATS")[0] == first
        assert DateTimeField().clean("2026-09-03T09:00").replace(tzinfo=UTC) == MOMENT.replace(second=0)
