from __future__ import annotations

from datetime import UTC, date, datetime

from django.utils import timezone

from mailer.stats.days import Day, last_days

TODAY = date(2026, 11, 25)
LATE = datetime(2026, 11, 24, 22, tzinfo=UTC)


def test_it_has_every_one_of_the_last_thirty_days() -> None:
    days = last_days([], TODAY)
    assert [day.date for day in (days[0], days[-1])] == [date(2026, 10, 27), TODAY]
    assert len(days) == 30
    assert not any(day.total for day in days)


def test_it_adds_up_a_days_hours_by_status() -> None:
    hours = [(LATE, "success", 3), (LATE.replace(hour=9), "success", 4), (LATE, "failure", 2), (LATE, "uncertain", 1)]
    assert last_days(hours, TODAY)[-2] == Day(date(2026, 11, 24), 7, 2, 1)


def test_a_day_is_the_readers() -> None:
    with timezone.override("Europe/Berlin"):
        assert last_days([(LATE, "success", 1)], TODAY)[-2].total == 1  # 23:00
    with timezone.override("Asia/Tokyo"):
        assert last_days([(LATE, "success", 1)], TODAY)[-1].total == 1  # 7:00 on the next day


def test_it_leaves_out_what_is_older() -> None:
    assert not any(day.total for day in last_days([(datetime(2026, 10, 26, 23, tzinfo=UTC), "success", 1)], TODAY))
