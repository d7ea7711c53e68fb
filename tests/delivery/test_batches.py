"""What a batch costs the database: few statements, each by an index."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.models import User
from core.paging import newest_first
from mailer.delivery.claim import claims_of
from mailer.delivery.frontier import Frontier
from mailer.delivery.ledger import record
from mailer.delivery.sweep import _claimed_by
from mailer.delivery.transitions import change_status
from mailer.models import Attempt, Delivery, Mailing, Worker
from mailer.models.deliveries import deliveries_of
from tests.support.mailings import make_crowd, make_mailing
from tests.support.results import ACCEPTED, DEFERRED, a_worker, claimed, result, taken_by

pytestmark = pytest.mark.django_db


@pytest.fixture
def mailing(owner: User) -> Mailing:
    make_crowd(owner, 300)
    return change_status(make_mailing(owner).pk, "start", owner)


def statements(act: Callable[[], object]) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        act()
    return [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"]]


def plan_of(statement: str) -> str:
    explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # the table is too small for an index to pay
            cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"{explain} {statement}")
        return "\n".join(str(row) for row in cursor.fetchall())


def test_a_claim_takes_as_many_statements_for_many_as_for_few(mailing: Mailing) -> None:
    worker = a_worker()
    few, many = (statements(lambda most=most: taken_by(worker, most)) for most in (2, 250))  # type: ignore[misc]
    assert len(few) == len(many) <= 8
    assert Delivery.objects.filter(worker=worker).count() == 252


def test_the_ledger_takes_as_many_statements_for_many_as_for_few(mailing: Mailing) -> None:
    worker = a_worker()
    results = [result(claim, ACCEPTED) for claim in claimed(worker)]
    few, many = (statements(lambda some=some: record(worker, some)) for some in (results[:2], results[2:]))  # type: ignore[misc]
    assert len(few) == len(many) <= 6
    assert Attempt.objects.count() == 250


def test_deliveries_that_are_each_put_off_to_a_time_of_their_own_move_together(mailing: Mailing) -> None:
    worker = a_worker()
    results = [result(claim, DEFERRED) for claim in claimed(worker)]
    few, many = (statements(lambda some=some: record(worker, some)) for some in (results[:2], results[2:]))  # type: ignore[misc]
    assert len(few) == len(many) <= 9
    times = Delivery.objects.filter(state="deferred").values("next_attempt_at").distinct()
    assert times.count() > 240  # by chance two are the same


def test_a_claim_finds_what_is_due_by_its_index(mailing: Mailing) -> None:
    worker = a_worker()
    frontier = Frontier()
    first, next_one = (statements(lambda: taken_by(worker, 10, frontier=frontier)) for _claim in range(2))
    reads = [sql for sql in first + next_one if "next_attempt_at <= " in sql]
    assert len(reads) == 4
    for sql in reads:
        assert "delivery_due" in plan_of(sql)
    if connection.vendor == "postgresql":
        assert "Index Cond: ((mailing_id = " in plan_of(reads[-1])
        assert "AND (ROW(next_attempt_at, id) > ROW(" in plan_of(reads[-1])


def test_what_a_worker_holds_is_found_by_its_index(mailing: Mailing) -> None:
    worker = a_worker()
    claimed(worker, 10)
    dead = Worker.objects.get(pk=worker)
    for sql in statements(lambda: (claims_of(worker), next(_claimed_by(dead)))):
        if "mailer_delivery" in sql:
            assert "delivery_claimed" in plan_of(sql)


def test_a_delivery_moves_by_its_key(mailing: Mailing) -> None:
    worker = a_worker()
    results = [result(claim, ACCEPTED) for claim in claimed(worker, 10)]
    (move,) = [sql for sql in statements(lambda: record(worker, results)) if "UPDATE mailer_delivery" in sql]
    plan = plan_of(move)
    assert "delivery_claimed" not in plan
    assert "mailer_delivery_pkey" in plan or "INTEGER PRIMARY KEY" in plan


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="test_pages_at_a_million.py counts what PostgreSQL reads")
def test_a_page_of_its_deliveries_is_read_along_the_key(mailing: Mailing) -> None:
    last = Delivery.objects.latest("pk").pk
    (page,) = statements(lambda: list(newest_first(deliveries_of(mailing)).filter(pk__lt=last)[:51]))
    assert "ORDER BY" in page
    plan = plan_of(page)
    assert "INTEGER PRIMARY KEY" in plan
    assert "TEMP B-TREE" not in plan
