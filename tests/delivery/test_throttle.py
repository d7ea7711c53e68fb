"""The arithmetic of a limit, on a clock that is passed in."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mailer.delivery.throttle import (
    AHEAD,
    BATCH,
    CATCH_UP,
    VALID,
    Slots,
    Token,
    dealt,
    in_turn,
    open_slots,
    token_for,
)

INTERVALS = st.sampled_from([1 / 3000, 1 / 500, 1 / 50, 1 / 3, 1.0, 0.7, 60 / 45, 60.0])
START = 1_790_000_000.0  # a moment of these years, with the precision that floats have there
ROUNDING = 1e-6


def given_out(interval: float, looks: list[tuple[float, int]]) -> list[float]:
    """The slots that workers got who looked at these moments, wanting at most so many."""
    taken: list[float] = []
    for at, most in looks:
        slots = open_slots(interval, taken[-1] if taken else None, at)
        taken += [slots[i] for i in range(min(slots.n, most))]
    return taken


@st.composite
def looks(draw: st.DrawFn) -> list[tuple[float, int]]:
    pauses = draw(st.lists(st.one_of(st.floats(0, 0.4), st.floats(0, 20)), min_size=1, max_size=60))
    moments = itertools.accumulate(pauses, initial=START)
    return [(at, draw(st.integers(1, 2000))) for at in moments]


@given(INTERVALS, looks())
def test_no_slot_is_given_out_twice_or_for_long_ahead(interval: float, moments: list[tuple[float, int]]) -> None:
    taken = given_out(interval, moments)
    assert all(later - earlier > interval - ROUNDING for earlier, later in itertools.pairwise(taken))
    assert all(slot <= moments[-1][0] + AHEAD + ROUNDING for slot in taken)


@given(INTERVALS, looks(), st.data())
def test_no_span_sees_more_than_its_rate_and_a_second_of_it(
    interval: float, moments: list[tuple[float, int]], data: st.DataObject
) -> None:
    """Whenever within its token each mail begins: as late as it can before a span, as early as it can after."""
    taken = given_out(interval, moments)
    assume(taken)
    lateness = st.floats(0, VALID)
    begun = [slot + data.draw(st.sampled_from([0.0, VALID]) | lateness) for slot in taken[:200]]
    since = data.draw(st.sampled_from(begun))
    for span in (0.01, 0.5, 1.0, 3.0, 60.0):
        n = sum(since <= at <= since + span for at in begun)
        assert n <= (span + VALID) / interval + 1 + ROUNDING


@given(INTERVALS, st.lists(st.floats(0.01, BATCH + CATCH_UP - 0.01), min_size=20, max_size=60))
def test_no_slot_is_lost_while_somebody_looks_often_enough(interval: float, pauses: list[float]) -> None:
    moments = list(itertools.accumulate(pauses, initial=START))
    taken = given_out(interval, [(at, 10**6) for at in moments])
    gaps = [later - earlier for earlier, later in itertools.pairwise(taken)]
    assert gaps == pytest.approx([interval] * len(gaps), abs=ROUNDING)
    assert taken[-1] > moments[-1] + AHEAD - BATCH - interval - ROUNDING


@pytest.mark.parametrize("last", [None, START - 7200, START - CATCH_UP - 0.1])
def test_after_idle_time_it_makes_up_for_nothing(last: float | None) -> None:
    slots = open_slots(0.02, last, START)
    assert slots.first == START
    assert slots.n == pytest.approx(AHEAD * 50, abs=1)


def test_a_change_of_the_rate_counts_from_the_last_slot() -> None:
    """From one a minute to fifty a second, and back."""
    assert open_slots(0.02, START, START + 1).n > 20
    assert open_slots(60.0, START, START + 1).n == 0
    assert open_slots(60.0, START, START + 60).n == 1


@pytest.mark.parametrize("by", [0.1, 0.9, 2.0, 3600.0])
def test_a_clock_that_was_set_back_stops_it_for_a_moment(by: float) -> None:
    last = START + AHEAD + by
    assert any(open_slots(0.02, last, START + wait).n for wait in (0.0, 1.0, 1.5))


@pytest.mark.parametrize(
    ("slots", "expected"),
    [([], None), ([10.0], Token(110.0, 110.0 + VALID)), ([10.0, 10.25], Token(110.25, 110.0 + VALID))],
)
def test_a_token_is_good_where_all_slots_are(slots: list[float], expected: Token | None) -> None:
    assert token_for(slots, 100.0) == expected


def test_a_token_lasts_for_a_second() -> None:
    token = Token(5.0, 6.0)
    assert [token.is_over(at) for at in (5.0, 6.0, 6.1)] == [False, False, True]


def test_slots_are_counted_from_the_first() -> None:
    assert [Slots(5.0, 0.5, 3)[i] for i in range(3)] == [5.0, 5.5, 6.0]


@pytest.mark.parametrize(("other", "i"), [(0.0, 2), (11.4, 2), (11.6, 3), (14.5, 8), (14.6, 9)])
def test_of_two_limits_the_slots_are_near_one_another(other: float, i: int) -> None:
    """So that a token of both is good for a while, when the site has missed slots and the mailing has not."""
    assert Slots(10.0, 0.5, 3).index_beside(other, 2) == i


def test_it_deals_to_all_in_turn() -> None:
    assert dealt(["a1", "a2", "a3", "b1", "c1", "c2"], lambda word: word[0]) == ["a1", "b1", "c1", "a2", "c2", "a3"]
    assert dealt([], str) == []


@pytest.mark.parametrize(
    ("after", "order"), [(None, [3, 5, 9]), (3, [5, 9, 3]), (4, [5, 9, 3]), (9, [3, 5, 9]), (12, [3, 5, 9])]
)
def test_whose_turn_it_is_comes_first(after: int | None, order: list[int]) -> None:
    assert in_turn([3, 5, 9], after) == order
