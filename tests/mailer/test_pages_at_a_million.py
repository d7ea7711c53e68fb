"""What a page costs does not grow with the mailing: told by the plans that PostgreSQL makes, not by a clock."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.models import User
from core.paging import newest_first
from mailer.delivery.counts import PAGES, move_counts
from mailer.delivery.materialise import FIRST_CHUNK
from mailer.delivery.schedule import run_schedule
from mailer.delivery.transitions import change_status
from mailer.delivery.work_left import work_left
from mailer.models import Attempt, Delivery, Mailing, Suppression, attempts_of, deliveries_in, deliveries_of
from mailer.offers import Offer, offer_for
from tests.support.mailings import make_crowd, make_mailing, make_recipients

pytestmark = pytest.mark.django_db

ON_POSTGRES = pytest.mark.skipif(os.environ.get("TEST_DB") == "sqlite", reason="plans are PostgreSQL's")
CROWD = 2_500


@pytest.fixture
def mailings(owner: User) -> list[Mailing]:
    """Three to the same crowd, one after another, in a table without what other tests have left dead in it."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE mailer_delivery CASCADE")
    make_crowd(owner, CROWD)
    found = []
    for _ in range(3):
        mailing = make_mailing(owner)
        change_status(mailing.pk, "start", owner)
        while run_schedule():
            pass
        found.append(Mailing.objects.get(pk=mailing.pk))
    return found


def analyze() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def rows_read(queryset: Any) -> int:
    """How many rows PostgreSQL looked at for it, by EXPLAIN ANALYZE."""
    [[plan]] = [json.loads(queryset.explain(format="json", analyze=True))]
    return _rows_read(plan["Plan"])


def _rows_read(node: dict[str, Any]) -> int:
    looked_at = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
    here = looked_at if "Relation Name" in node else 0
    return int(here) + sum(_rows_read(child) for child in node.get("Plans", []))


@ON_POSTGRES
def test_a_page_of_an_old_mailings_deliveries_passes_over_nobody_elses(mailings: list[Mailing]) -> None:
    analyze()
    for mailing in mailings:
        assert Delivery.objects.filter(mailing=mailing).count() == deliveries_of(mailing).count() == CROWD
        assert rows_read(deliveries_of(mailing).order_by("-pk")[:51]) == 51
        first = deliveries_of(mailing).order_by("pk")[0].pk
        assert rows_read(deliveries_of(mailing).filter(pk__lt=first).order_by("-pk")[:51]) == 0


@ON_POSTGRES
@pytest.mark.parametrize("state", ["queued", "sending", "sent", "failed"])
def test_a_few_of_a_state_among_many_are_found_at_once(mailings: list[Mailing], state: str) -> None:
    theirs = Delivery.objects.filter(mailing=mailings[1])
    theirs.update(state="sent" if state != "sent" else "queued")
    few = list(theirs.order_by("pk").values_list("pk", flat=True)[:3])
    theirs.filter(pk__in=few).update(state=state)
    analyze()
    assert rows_read(newest_first(deliveries_in(state, mailings[1].pk))[:51]) == 3


@ON_POSTGRES
def test_a_few_failures_among_many_are_found_at_once(mailings: list[Mailing]) -> None:
    mailing, now = mailings[0], timezone.now()
    attempts = [
        Attempt(delivery=delivery, mailing=mailing, number=1, status="failure" if n < 3 else "success", started_at=now)
        for n, delivery in enumerate(Delivery.objects.filter(mailing=mailing).order_by("pk"))
    ]
    Attempt.objects.bulk_create(attempts)
    analyze()
    failures = Attempt.objects.filter(mailing=mailing, status="failure").order_by("-pk")[:51]
    assert rows_read(failures) == 3


def fill_lists(owner: User) -> Mailing:
    """CROWD of everything, in a mailing all of whose deliveries have been sent."""
    make_crowd(owner, CROWD)
    keys = (f"s{n}@example.com" for n in range(CROWD))
    Suppression.objects.bulk_create(Suppression(owner=owner, address_key=key, reason="manual") for key in keys)
    mailing = change_status(make_mailing(owner).pk, "start", owner)
    while run_schedule():
        pass
    sent = Delivery.objects.filter(mailing=mailing)
    sent.update(state="sent")
    one = {"mailing": mailing, "number": 1, "status": "success", "started_at": timezone.now()}
    Attempt.objects.bulk_create(Attempt(delivery=delivery, **one) for delivery in sent.order_by("pk"))
    return mailing


def rows_of_pages(page: Client, address: str) -> int:
    """The most that a query for a page of rows looked at."""
    with CaptureQueriesContext(connection) as queries:
        assert page.get(address).status_code == 200
    [for_page] = [query["sql"] for query in queries if query["sql"].endswith("LIMIT 51")]
    return rows_of(for_page)


def rows_of(sql: str) -> int:
    """How many rows PostgreSQL looks at for it."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}")
        [[plan]] = cursor.fetchone()
    return _rows_read(plan["Plan"])


@ON_POSTGRES
def test_no_list_goes_through_what_others_have_that_is_newer(owner: User, stranger: User) -> None:
    mailing, _newer = fill_lists(owner), fill_lists(stranger)
    first = Delivery.objects.filter(mailing=mailing).order_by("pk")[:3].values("pk")
    Delivery.objects.filter(mailing=mailing).exclude(pk__in=first).update(state="queued")
    draft = make_mailing(owner)
    Mailing.objects.filter(pk=draft.pk).update(everyone=False)
    analyze()
    page = Client()
    page.force_login(owner)
    lists = ["/recipients/", "/suppressions/", f"/mailings/{draft.pk}/audience/"]
    lists += [f"/mailings/{mailing.pk}/{one}/" for one in ("deliveries", "attempts")]
    looked_at = {address: rows_of_pages(page, f"{address}{key}") for address in lists for key in ("", "?newer=0")}
    assert max(looked_at.values()) < 200, looked_at
    # Each of the three with two looks at its last attempt.
    assert rows_of_pages(page, f"/mailings/{mailing.pk}/deliveries/?state=sent") == 3 * 3


@ON_POSTGRES
def test_the_planner_learns_of_a_mailings_attempts_as_its_deliveries_are_made(
    owner: User, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    make_crowd(owner, 2 * FIRST_CHUNK)
    mailing = change_status(make_mailing(owner).pk, "start", owner)
    one = {"mailing": mailing, "number": 1, "status": "success", "started_at": timezone.now()}
    Attempt.objects.bulk_create(Attempt(delivery=delivery, **one) for delivery in deliveries_of(mailing))
    with django_capture_on_commit_callbacks(execute=True):
        run_schedule()
    assert rows_read(newest_first(attempts_of(mailing.pk))[:100]) == 100


@ON_POSTGRES
def test_the_next_chunk_of_a_mailing_begins_where_the_last_one_ended(owner: User) -> None:
    make_crowd(owner, CROWD)
    mailing = make_mailing(owner)
    change_status(mailing.pk, "start", owner)
    analyze()
    with CaptureQueriesContext(connection) as queries:
        run_schedule()
    assert not [query for query in queries if "MAX" in query["sql"] and "recipient_id" in query["sql"]]
    made = next(query["sql"] for query in queries if query["sql"].startswith('INSERT INTO "mailer_delivery"'))
    assert f'"id" > {Mailing.objects.get(pk=mailing.pk).materialised_to}' in made


def test_looking_for_work_reads_the_counters(mailings: list[Mailing]) -> None:
    with CaptureQueriesContext(connection) as queries:
        left = work_left()
    assert (left.due, left.later) == (3 * CROWD, 0)
    about_deliveries = [query["sql"] for query in queries if 'FROM "mailer_delivery"' in query["sql"]]
    assert len(about_deliveries) == 1
    assert "next_attempt_at" in about_deliveries[0]


async def test_the_number_beside_a_choice_is_the_counters(
    owner: User, signed_in: Callable[[User], AsyncClient]
) -> None:
    @sync_to_async
    def failed_one() -> Mailing:
        make_recipients(owner, "ana@example.com", "boris@example.com")
        mailing = make_mailing(owner)
        change_status(mailing.pk, "start", owner)
        Delivery.objects.filter(email="ana@example.com").update(state="failed")
        move_counts(mailing.pk, PAGES, {"queued": -1, "failed": 1})
        return mailing

    mailing = await failed_one()
    shown = await signed_in(owner).get(f"/mailings/{mailing.pk}/deliveries/?state=failed")
    assert shown.context["offer"].choices == {"retry_failed": 1}


@ON_POSTGRES
def test_an_offer_looks_at_the_newest_alone(
    owner: User, mailings: list[Mailing], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailer.offers.MOST_LOOKED_AT", 20)
    mailing = mailings[1]
    failed = deliveries_in("failed", mailing.pk)
    Delivery.objects.filter(mailing=mailing).update(state="failed")
    assert offer_for(mailing, "failed", failed, CROWD) == Offer({"retry_failed": CROWD})
    newest = list(newest_first(failed).values_list("address_key", flat=True)[:30])
    Suppression.objects.bulk_create(Suppression(owner=owner, address_key=key, reason="manual") for key in newest)
    analyze()
    with CaptureQueriesContext(connection) as queries:
        assert offer_for(mailing, "failed", failed, CROWD) == Offer({"retry_failed": None}, suppressed=20)
    assert sum(rows_of(query["sql"]) for query in queries) < 100
