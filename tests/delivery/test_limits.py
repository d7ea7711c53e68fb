"""What claims take where the site or a mailing is held to a rate: by one worker or many, on either database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from core.clock import db_now, seconds
from core.models import User
from mailer.delivery.claim import Claim, claims_of
from mailer.delivery.lease import register_worker
from mailer.delivery.ledger import record
from mailer.delivery.throttle import AHEAD, BATCH, SPREAD, VALID
from mailer.delivery.transitions import change_status
from mailer.models import AuditEntry, Mailing, Throttle
from mailer.rates import Rate
from mailer.throttling import held_to, set_rate
from tests.support.mailings import counted, make_crowd, make_mailing
from tests.support.results import WITHHELD, a_worker, claimed, result, taken_by


@pytest.fixture
def mailing(owner: User) -> Mailing:
    make_crowd(owner, 200)
    return started(owner)


def started(owner: User) -> Mailing:
    return change_status(make_mailing(owner).pk, "start", owner)


def by_mailing(claims: Iterable[Claim]) -> Counter[int]:
    return Counter(claim.mailing_id for claim in claims)


class Times:
    """The database's time stands still where a test says, in seconds from when it first does."""

    @cached_property
    def _start(self) -> datetime:
        return db_now()

    @contextmanager
    def at(self, seconds: float) -> Iterator[None]:
        moment = self._start + timedelta(seconds=seconds)
        with pytest.MonkeyPatch.context() as patch:
            for module in ("limits", "claim", "ledger"):
                patch.setattr(f"mailer.delivery.{module}.db_now", lambda: moment)
            yield

    def every_fifth_of_a_second(self) -> Iterator[None]:
        """For five seconds."""
        for n in range(26):
            with self.at(n / 5):
                yield


def about(rate: int) -> Any:
    """How many slots of so many a second are given out in five: and ahead, what a look finds."""
    seconds = 5 + AHEAD - BATCH / 2
    return pytest.approx(rate * seconds, abs=rate * BATCH / 2 + 2)


@pytest.fixture
def times() -> Times:
    return Times()


@pytest.mark.django_db
def test_without_a_limit_it_takes_all_and_needs_no_token(mailing: Mailing) -> None:
    claims = claimed(a_worker())
    assert len(claims) == 200
    assert {claim.token for claim in claims} == {None}


@pytest.mark.django_db
def test_without_a_limit_a_claim_asks_of_limits_by_the_way_and_writes_nothing(mailing: Mailing) -> None:
    with CaptureQueriesContext(connection) as queries:
        taken_by(a_worker(), 10)
    about_it = [query["sql"] for query in queries if "mailer_throttle" in query["sql"]]
    assert len(about_it) == 1
    assert about_it[0].lstrip().startswith("SELECT")


@pytest.mark.django_db
def test_it_takes_what_may_go_within_a_second_and_says_when(mailing: Mailing, owner: User) -> None:
    set_rate(owner, Rate(40, 1), mailing)
    claims = taken_by(a_worker(), 250)
    assert len(claims) == pytest.approx(40 * AHEAD, abs=1)
    tokens = [claim.token for claim in claims if claim.token]
    assert len(tokens) == len(claims)
    gaps = [after.not_before - before.not_before for before, after in pairwise(tokens)]
    assert gaps == pytest.approx([1 / 40] * len(gaps), abs=1e-5)
    assert tokens[0].not_after - tokens[0].not_before == pytest.approx(VALID)
    assert tokens[-1].not_before == pytest.approx(seconds() + AHEAD, abs=10)
    assert counted(mailing) == {"sending": len(claims), "queued": 200 - len(claims)}


@pytest.mark.django_db
@pytest.mark.parametrize("workers", [1, 3])
def test_any_number_of_workers_keeps_it(mailing: Mailing, owner: User, workers: int, times: Times) -> None:
    set_rate(owner, Rate(15, 1), mailing)
    names = [a_worker() for _ in range(workers)]
    taken = 0
    for _moment in times.every_fifth_of_a_second():
        taken += sum(len(claimed(name)) for name in names)
    assert taken == about(15)


@pytest.mark.django_db
def test_a_rate_of_a_few_a_minute_lets_one_go_at_its_time(mailing: Mailing, owner: User, times: Times) -> None:
    set_rate(owner, Rate(4, 60), mailing)
    worker = a_worker()
    with times.at(0):
        assert len(claimed(worker)) == 1
    with times.at(14.2):
        assert claimed(worker) == []
    with times.at(15):
        assert len(claimed(worker)) == 1


@pytest.mark.django_db
def test_after_idle_time_it_makes_up_for_nothing(mailing: Mailing, owner: User, times: Times) -> None:
    set_rate(owner, Rate(20, 1), mailing)
    worker = a_worker()
    with times.at(0):
        claimed(worker)
    with times.at(3600 / 2):
        assert len(claimed(worker)) == pytest.approx(20 * AHEAD, abs=1)


@pytest.mark.django_db
def test_a_changed_rate_counts_for_the_next_claim(mailing: Mailing, owner: User, times: Times) -> None:
    set_rate(owner, Rate(1, 60), mailing)
    worker = a_worker()
    with times.at(0):
        assert len(claimed(worker)) == 1
    with times.at(1):
        set_rate(owner, Rate(100, 1), mailing)
        assert len(claimed(worker)) == pytest.approx(50, abs=1)
    with times.at(2):
        set_rate(owner, Rate(1, 60), mailing)
        assert claimed(worker) == []
        set_rate(owner, None, mailing)
        claims = claimed(worker)
        assert len(claims) > 100
        assert {claim.token for claim in claims} == {None}


@pytest.mark.django_db
def test_what_was_given_back_is_taken_first_and_its_slot_is_lost(mailing: Mailing, owner: User, times: Times) -> None:
    set_rate(owner, Rate(20, 1), mailing)
    worker = a_worker()
    with times.at(0):
        first = claimed(worker)
        record(worker, [result(claim, WITHHELD) for claim in first])
        assert claimed(worker) == []
    with times.at(1):
        again = claimed(worker)
    assert [claim.delivery_id for claim in again[: len(first)]] == [claim.delivery_id for claim in first]
    assert {claim.number for claim in again} == {1}


@pytest.mark.django_db
def test_claims_whose_answer_was_lost_have_lost_their_tokens(mailing: Mailing, owner: User) -> None:
    worker = a_worker()
    free = claimed(worker, 3)
    assert {claim.token for claim in claims_of(worker)} == {None}
    set_rate(owner, Rate(20, 1), mailing)
    assert all(claim.token and claim.token.is_over(seconds()) for claim in claims_of(worker))
    set_rate(owner, None, mailing)
    set_rate(owner, Rate(20, 1), None)
    assert [bool(claim.token) for claim in claims_of(worker)] == [True] * len(free)


@pytest.mark.django_db
def test_mailings_share_the_sites_limit_evenly(mailing: Mailing, owner: User, times: Times) -> None:
    others = [started(owner), started(owner)]
    set_rate(owner, Rate(30, 1), None)
    worker, taken = a_worker(), Counter[int]()
    for _moment in times.every_fifth_of_a_second():
        taken += by_mailing(claimed(worker))
    assert taken.total() == about(30)
    assert max(taken.values()) - min(taken.values()) <= 2
    assert set(taken) == {mailing.pk, *(other.pk for other in others)}


@pytest.mark.django_db
def test_where_slots_are_few_each_mailing_has_its_turn(mailing: Mailing, owner: User, times: Times) -> None:
    """One slot at a time, and three who want it."""
    started(owner), started(owner)
    set_rate(owner, Rate(1, 1), None)
    workers, taken = [a_worker(), a_worker()], Counter[int]()
    for second in range(12):
        with times.at(second):
            taken += by_mailing(claim for worker in workers for claim in claimed(worker))
    assert sorted(taken.values()) == [4, 4, 4]


@pytest.mark.django_db
def test_the_sites_and_the_mailings_limit_hold_together(mailing: Mailing, owner: User, times: Times) -> None:
    """What the slow one leaves of the site's limit is the other one's."""
    slow = started(owner)
    set_rate(owner, Rate(40, 1), None)
    set_rate(owner, Rate(5, 1), slow)
    worker, taken = a_worker(), Counter[int]()
    for _moment in times.every_fifth_of_a_second():
        taken += by_mailing(claimed(worker))
    assert taken[slow.pk] == about(5)
    assert taken.total() == about(40)


@pytest.mark.django_db
def test_one_mailings_limit_does_not_hold_another(mailing: Mailing, owner: User) -> None:
    free = started(owner)
    set_rate(owner, Rate(1, 60), mailing)
    assert by_mailing(taken_by(a_worker(), 150)) == {mailing.pk: 1, free.pk: 149}


@pytest.mark.django_db
def test_a_token_of_two_limits_is_good_in_both(mailing: Mailing, owner: User) -> None:
    set_rate(owner, Rate(100, 1), None)
    set_rate(owner, Rate(10, 1), mailing)
    claims = taken_by(a_worker(), 250)
    assert all(claim.token and claim.token.not_before < claim.token.not_after for claim in claims)
    assert max(claim.token.not_before for claim in claims if claim.token) == pytest.approx(seconds() + AHEAD, abs=10)


@pytest.mark.django_db
def test_a_site_with_slots_to_spare_gives_late_ones_to_nobody_who_is_early(
    mailing: Mailing, owner: User, times: Times
) -> None:
    set_rate(owner, Rate(50, 1), None)
    set_rate(owner, Rate(7, 1), mailing)
    worker = a_worker()
    for _moment in times.every_fifth_of_a_second():
        for claim in claimed(worker):
            assert claim.token
            assert claim.token.not_after - claim.token.not_before >= VALID - SPREAD - 0.001


@pytest.mark.django_db
def test_there_is_one_limit_for_the_site_and_one_for_a_mailing(mailing: Mailing) -> None:
    for owner in (None, mailing):
        Throttle.objects.create(mailing=owner, most=5)
        with pytest.raises(IntegrityError), transaction.atomic():
            Throttle.objects.create(mailing=owner, most=6)


@pytest.mark.django_db(transaction=True)
def test_workers_and_people_at_once_never_wait_for_one_another_in_a_circle(owner: User) -> None:
    """Claims lock limits; so do those who change them, while others pause and resume the mailings."""
    make_crowd(owner, 200)
    mailings = [started(owner) for _ in range(3)]
    set_rate(owner, Rate(50, 1), None)
    workers = [register_worker("host", "boot") for _ in range(3)]

    def claim_some(worker: int) -> int:
        return sum(len(taken_by(worker, 5)) for _ in range(20))

    def change_rates(mailing: Mailing) -> int:
        for n in range(20):
            set_rate(owner, Rate(n + 1, 1) if n % 3 else None, mailing)
            set_rate(owner, Rate(50 + n, 1), None)
        return 0

    def pause_and_resume(mailing: Mailing) -> int:
        for _ in range(10):
            change_status(mailing.pk, "pause", owner)
            change_status(mailing.pk, "resume", owner)
        return 0

    def alone(act: object, about: object) -> int:
        try:
            return act(about)  # type: ignore[operator, no-any-return]
        finally:
            connection.close()

    jobs = [(claim_some, worker) for worker in workers]
    jobs += [(change_rates, mailing) for mailing in mailings]  # type: ignore[misc]
    jobs += [(pause_and_resume, mailing) for mailing in mailings]  # type: ignore[misc]
    with ThreadPoolExecutor(len(jobs)) as threads:
        taken = sum(threads.map(lambda job: alone(*job), jobs))
    assert taken == sum(counted(mailing)["sending"] for mailing in mailings if "sending" in counted(mailing))
    assert AuditEntry.objects.filter(action="throttle").count() > 20
    assert held_to(mailings[0].pk).site == Rate(69, 1)
