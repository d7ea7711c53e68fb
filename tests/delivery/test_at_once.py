"""Fifty at once: one run, one decision each."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import cycle
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connections
from django.test import AsyncClient

from core.models import User
from mailer.consent import unsubscribe
from mailer.delivery.audit import audit_mailing
from mailer.delivery.choices import last_decision
from mailer.delivery.ledger import record
from mailer.delivery.schedule import run_schedule
from mailer.delivery.transitions import TransitionRefused, change_status
from mailer.models import AuditEntry, Decision, Delivery, Mailing, MailingContent, Suppression
from tests.support.choices import choose
from tests.support.engine import accepted_by, send
from tests.support.mailings import counted, make_crowd, make_mailing, really_counted
from tests.support.pool import patient_pool
from tests.support.results import (
    ACCEPTED,
    DEFERRED,
    REFUSED,
    REJECTED,
    UNCERTAIN,
    WITHHELD,
    a_worker,
    claimed,
    result,
)
from tests.support.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 50


def at_once(act: Callable[[], Any]) -> Counter[Any]:
    """What so many threads, each with a connection of its own, got by doing it at the same moment."""
    ready = threading.Barrier(AT_ONCE)

    def once(_n: int) -> Any:
        try:
            ready.wait(30)
            return act()
        except TransitionRefused:
            return "refused"
        finally:
            connections.close_all()

    with patient_pool(), ThreadPoolExecutor(AT_ONCE) as threads:
        return Counter(threads.map(once, range(AT_ONCE)))


async def test_many_who_press_send_start_one_run(owner: User, site: Callable[[SmtpServer | int], None]) -> None:
    def start() -> Mailing:
        make_crowd(owner, 40)
        mailing = make_mailing(owner)
        pressed = at_once(lambda: change_status(mailing.pk, "start", owner).status)
        assert pressed == {"sending": 1, "refused": AT_ONCE - 1}
        return mailing

    mailing = await sync_to_async(start)()
    assert await MailingContent.objects.acount() == 1
    assert await AuditEntry.objects.filter(action="start").acount() == 1
    with SmtpServer() as server:
        site(server)
        await send()
    assert set(accepted_by(server).values()) == {1}
    assert len(server.accepted) == 40
    assert await sync_to_async(counted)(mailing) == {"sent": 40} == await sync_to_async(really_counted)(mailing)


def test_many_who_send_a_draft_that_others_delete_leave_all_of_it_or_nothing(
    owner: User, signed_in: Callable[[User], AsyncClient]
) -> None:
    make_crowd(owner, 5)
    mailing = make_mailing(owner)
    page = signed_in(owner)
    async_to_sync(page.get)("/")
    acts, lock = cycle(["start", "delete"]), threading.Lock()

    def either() -> str:
        with lock:
            act = next(acts)
        if act == "delete":
            return str(async_to_sync(page.post)(f"/mailings/{mailing.pk}/delete/").status_code)
        with suppress(Mailing.DoesNotExist):
            return change_status(mailing.pk, "start", owner).status
        return "gone"

    told = at_once(either)
    is_there = Mailing.objects.filter(pk=mailing.pk).exists()
    assert (told["sending"], told["302"]) == ((1, 0) if is_there else (0, 1))
    assert Delivery.objects.filter(mailing=mailing.pk).count() == (5 if is_there else 0)


@pytest.mark.parametrize("choice", ["retry_failed", "resend", "treat_as_sent"])
def test_many_who_choose_decide_once(owner: User, choice: str) -> None:
    make_crowd(owner, 30)
    mailing = change_status(make_mailing(owner).pk, "start", owner)
    worker = a_worker()
    outcome = REFUSED if choice == "retry_failed" else UNCERTAIN
    record(worker, [result(claim, outcome) for claim in claimed(worker)])
    run_schedule()
    seen = last_decision(mailing.pk)
    assert at_once(lambda: choose(mailing, choice, owner, seen=seen)) == {30: 1, 0: AT_ONCE - 1}
    assert Decision.objects.count() == 30
    assert AuditEntry.objects.filter(action=choice).count() == 1
    assert AuditEntry.objects.filter(action="reopen").count() == (choice != "treat_as_sent")
    assert counted(mailing) == really_counted(mailing)


def test_choices_and_a_cancel_at_once_leave_nothing_open(owner: User) -> None:
    make_crowd(owner, 30)
    mailing = change_status(make_mailing(owner).pk, "start", owner)
    worker = a_worker()
    claims = claimed(worker, 20)
    record(worker, [result(c, UNCERTAIN if c.delivery_id % 2 else REFUSED) for c in claims])
    acts = iter(["retry_failed", "resend", "treat_as_sent", "pause", "resume", "cancel"] * AT_ONCE)
    lock = threading.Lock()

    def anything() -> None:
        with lock:
            act = next(acts)
        if act in ("pause", "resume", "cancel"):
            change_status(mailing.pk, act, owner)
        else:
            choose(mailing, act, owner)

    at_once(anything)
    mailing.refresh_from_db()
    assert mailing.status == "cancelled"
    assert not Delivery.objects.filter(state__in=Delivery.OPEN).exists()
    assert counted(mailing) == really_counted(mailing)


def test_many_who_unsubscribe_while_others_send_are_each_skipped_or_sent(owner: User) -> None:
    make_crowd(owner, 80)
    mailings = [change_status(make_mailing(owner).pk, "start", owner) for _each in range(2)]
    people = list(Delivery.objects.filter(mailing=mailings[0]).select_related("mailing")[:30])
    acts: Iterator[Any] = iter([*people, *["send"] * (AT_ONCE - 30)])
    lock = threading.Lock()

    def anything() -> None:
        with lock:
            act = next(acts)
        if isinstance(act, Delivery):
            unsubscribe(act)
            return
        worker = a_worker()
        claims = claimed(worker, 10)
        outcomes = cycle([DEFERRED, REJECTED, WITHHELD, ACCEPTED])
        if claims:
            record(worker, [result(claim, outcome) for claim, outcome in zip(claims, outcomes, strict=False)])

    at_once(anything)
    assert Suppression.objects.filter(reason="unsubscribed").count() == 30
    theirs = Delivery.objects.filter(email__in=[person.email for person in people])
    assert not theirs.filter(state__in=Delivery.OPEN).exists()
    for mailing in mailings:
        assert counted(mailing) == really_counted(mailing)
        assert [check for check in audit_mailing(mailing.pk) if not check.ok] == []
