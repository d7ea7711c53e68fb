from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.clock import db_now, shifted

pytestmark = pytest.mark.django_db


def test_it_tells_the_time_with_its_zone() -> None:
    assert abs(db_now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_it_goes_on_inside_a_transaction() -> None:
    first = db_now()
    assert db_now() > first


def test_it_can_be_shifted_for_a_while() -> None:
    with shifted(timedelta(days=1)), shifted(timedelta(days=1)):
        assert db_now() - datetime.now(UTC) > timedelta(days=2) - timedelta(seconds=5)
    assert abs(db_now() - datetime.now(UTC)) < timedelta(seconds=5)
