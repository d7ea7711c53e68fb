from __future__ import annotations

import pytest

from mailer.stats import large
from mailer.stats.large import KEPT_FOR, LARGE, counted_lately


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "_kept", {})


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(large, "seconds", lambda: now[0])
    return now


def test_what_is_not_large_is_counted_each_time() -> None:
    counts = iter([LARGE - 1, 7])
    assert [counted_lately("people", lambda: next(counts)) for _ in range(2)] == [LARGE - 1, 7]


def test_what_is_large_is_counted_once_in_a_while(clock: list[float]) -> None:
    counts = iter([LARGE, LARGE + 1])
    seen = []
    for later in (0, KEPT_FOR - 1, 2):
        clock[0] += later
        seen.append(counted_lately("people", lambda: next(counts)))
    assert seen == [LARGE, LARGE, LARGE + 1]


def test_each_name_has_its_own(clock: list[float]) -> None:
    assert counted_lately("hers", lambda: LARGE) == LARGE
    assert counted_lately("his", lambda: LARGE + 5) == LARGE + 5
    clock[0] += KEPT_FOR
    counted_lately("hers", lambda: LARGE)
    assert list(large._kept) == ["hers"]
