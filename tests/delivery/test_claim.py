from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from core.clock import shifted
from core.models import User
from mailer.delivery.frontier import GOOD_FOR, Frontier
from mailer.delivery.lease import register_worker, renew_lease, retire_worker
from mailer.delivery.transitions import change_status
from mailer.models import Delivery, Mailing, Worker
from tests.support.mailings import counted, make_crowd, make_mailing, really_counted
from tests.support.results import a_worker, claimed, taken_by


def sending_mailing(owner: User, n: int) -> Mailing:
    make_crowd(owner, n)
    return change_status(make_mailing(owner).pk, "start", owner)


@pytest.mark.django_db
def test_it_takes_what_is_due_and_counts_it(owner: User) -> None:
    mailing = sending_mailing(owner, 5)
    worker = a_worker()
    claims = claimed(worker, 3)
    assert [claim.number for claim in claims] == [1, 1, 1]
    assert claims[0].merge_data["full_name"] == "Person 0"
    assert counted(mailing) == {"sending": 3, "queued": 2} == really_counted(mailing)
    assert Delivery.objects.filter(worker=worker).count() == 3


@pytest.mark.django_db
def test_it_leaves_what_is_not_due(owner: User) -> None:
    sending_mailing(owner, 2)
    Delivery.objects.filter(email="r0@example.com").update(
        state="deferred",
        next_attempt_at=Delivery.objects.values("next_attempt_at")[:1].get()["next_attempt_at"] + timedelta(minutes=5),
    )
    assert [claim.email for claim in claimed(a_worker())] == ["r1@example.com"]
    with shifted(timedelta(minutes=6)):
        assert [claim.email for claim in claimed(a_worker())] == ["r0@example.com"]


@pytest.mark.django_db
@pytest.mark.parametrize("action", ["pause", "cancel"])
def test_it_takes_nothing_of_a_mailing_that_is_not_sending(owner: User, action: str) -> None:
    change_status(sending_mailing(owner, 2).pk, action, owner)
    assert claimed(a_worker()) == []


@pytest.mark.django_db
def test_it_takes_nothing_after_the_window(owner: User) -> None:
    sending_mailing(owner, 2)
    with shifted(timedelta(hours=2)):
        assert claimed(a_worker()) == []


@pytest.mark.django_db
def test_a_small_mailing_does_not_wait_behind_a_large_one(owner: User, stranger: User) -> None:
    large, small = sending_mailing(owner, 40), sending_mailing(stranger, 3)
    claims = claimed(a_worker(), 10)
    assert len(claims) == 10
    assert sum(claim.mailing_id == small.pk for claim in claims) == 3
    assert sum(claim.mailing_id == large.pk for claim in claims) == 7


@pytest.mark.django_db
def test_of_many_mailings_each_has_its_turn(owner: User) -> None:
    first = sending_mailing(owner, 60)
    others = [change_status(make_mailing(owner).pk, "start", owner) for _ in range(2)]
    worker, frontier = a_worker(), Frontier()
    served = [claim.mailing_id for _claim in range(15) for claim in taken_by(worker, 2, frontier=frontier)]
    assert Counter(served) == dict.fromkeys([first.pk, *(mailing.pk for mailing in others)], 10)


def given_back(delivery_id: int) -> None:
    Delivery.objects.filter(pk=delivery_id).update(state="queued", worker=None)


@pytest.mark.django_db
def test_it_begins_where_its_last_claim_ended_and_anew_after_a_while(owner: User) -> None:
    sending_mailing(owner, 9)
    now = 100.0
    worker, frontier = a_worker(), Frontier(lambda: now)

    def addresses() -> list[str]:
        return [claim.email for claim in taken_by(worker, 2, frontier=frontier)]

    assert addresses() == ["r0@example.com", "r1@example.com"]
    given_back(Delivery.objects.get(email="r0@example.com").pk)
    assert addresses() == ["r2@example.com", "r3@example.com"]
    now += GOOD_FOR
    assert addresses() == ["r0@example.com", "r4@example.com"]


@pytest.mark.django_db
def test_what_was_given_back_is_found_at_once_where_nothing_else_is_left(owner: User) -> None:
    sending_mailing(owner, 5)
    worker, frontier = a_worker(), Frontier()
    first = taken_by(worker, 2, frontier=frontier)
    given_back(first[0].delivery_id)
    rest = [claim.email for claim in taken_by(worker, 10, frontier=frontier)]
    assert sorted(rest) == [f"r{n}@example.com" for n in (0, 2, 3, 4)]
    assert taken_by(worker, 10, frontier=frontier) == []


@pytest.mark.django_db
def test_it_dates_a_mail_once(owner: User) -> None:
    sending_mailing(owner, 1)
    first = claimed(a_worker())[0].date
    Delivery.objects.update(state="queued", worker=None)
    with shifted(timedelta(minutes=10)):
        assert claimed(a_worker())[0].date == first


@pytest.mark.django_db(transaction=True)
def test_racing_workers_share_the_work_and_nobody_is_claimed_twice(owner: User) -> None:
    sending_mailing(owner, 200)
    workers = [register_worker("host", "boot") for _ in range(4)]

    def claim_all(worker: int) -> list[int]:
        mine: list[int] = []
        while claims := taken_by(worker, 7):
            mine += [claim.delivery_id for claim in claims]
        connection.close()
        return mine

    with ThreadPoolExecutor(4) as threads:
        claimed_ids = [pk for mine in threads.map(claim_all, workers) for pk in mine]
    assert len(claimed_ids) == len(set(claimed_ids)) == 200


@pytest.mark.django_db
def test_a_lease_is_renewed_until_the_worker_is_swept() -> None:
    worker = a_worker()
    assert renew_lease(worker, "No route to host")
    assert Worker.objects.get().trouble == "No route to host"
    retire_worker(worker)
    assert Worker.objects.get().trouble == ""
    Worker.objects.update(swept_at=Worker.objects.get().started_at)
    assert not renew_lease(worker, "")
