from __future__ import annotations

from datetime import UTC, datetime

from mailer.models import Delivery
from mailer.stats.attempts import AttemptRow
from mailer.stats.progress import Progress
from realtime.frames import OVERLAP, Reading, View

PROGRESS = Progress(dict.fromkeys(Delivery.State.values, 1), 9, "sending", 0.0, None, None)


def attempt(key: int) -> AttemptRow:
    return AttemptRow(key, key, "r@example.com", 1, "success", 250, "", "Ok", datetime(2026, 11, 23, tzinfo=UTC))


def reading(*keys: int, newer: int | None = None) -> Reading:
    return Reading(
        PROGRESS, [attempt(key) for key in sorted(keys, reverse=True)], len(keys) if newer is None else newer
    )


def told(frame: dict[str, object] | None) -> list[int]:
    assert frame is not None
    return [row["id"] for row in frame["attempts"]]  # type: ignore[attr-defined]


def test_it_tells_each_attempt_once() -> None:
    view = View()
    assert told(view.take(reading(1, 2), 0.0)) == [2, 1]
    assert view.take(reading(1, 2, newer=0), 1.0) is None
    assert told(view.take(reading(1, 2, 3, newer=1), 2.0)) == [3]


def test_it_tells_one_whose_lower_key_was_committed_later() -> None:
    view = View()
    view.take(reading(1, 3), 0.0)
    assert told(view.take(reading(1, 2, 3, newer=0), OVERLAP - 1)) == [2]
    assert told(view.snapshot(PROGRESS)) == [3, 2, 1]


def test_it_looks_back_no_further_than_the_overlap() -> None:
    view = View()
    view.take(reading(1, 2), 0.0)
    view.take(reading(newer=0), OVERLAP + 1)
    assert view.after == 2


def test_it_says_how_many_were_left_out() -> None:
    view = View()
    view.take(reading(1), 0.0)
    frame = view.take(reading(*range(901, 1001), newer=999), 1.0)
    assert frame is not None
    assert (len(told(frame)), frame["left_out"]) == (100, 899)
