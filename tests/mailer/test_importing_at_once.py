"""Two who add to one address book at the same time: each import tells what it did itself, and none fails."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TypeVar

import pytest
from django.db import transaction
from django.test import Client

from core.models import User
from core.people import change_user
from mailer.importing import ImportReport, import_recipients, writing
from mailer.models import Recipient
from tests.support.mailings import make_recipients
from tests.support.waiting import committed_once_somebody_waits, done_and_closed, wait_for_waiters, with_many_writers

pytestmark = [pytest.mark.django_db(transaction=True), with_many_writers]

T = TypeVar("T")
ANA, BEN = "ana@example.com", "ben@example.com"


def test_the_same_file_twice_adds_everybody_once(owner: User, client: Client) -> None:
    client.force_login(owner)
    with committed_once_somebody_waits(lambda: import_recipients(owner, f"{ANA},Ana\n{BEN},Ben")):
        shown = client.post("/recipients/import/", {"pasted": f"{ANA},Ana\n{BEN},Ben"})
    assert shown.context["report"] == ImportReport(0, 0, 2, 0, [])
    assert Recipient.objects.filter(owner=owner).count() == 2


def test_another_file_with_the_same_people_updates_them(owner: User) -> None:
    with committed_once_somebody_waits(lambda: import_recipients(owner, f"{ANA},Ana\n{BEN},Ben")):
        report = import_recipients(owner, f"cid@example.com\n{BEN},Benjamin\n{ANA}")
    assert report == ImportReport(1, 1, 1, 0, [])


def test_who_is_added_by_hand_meanwhile_is_not_counted(owner: User) -> None:
    with committed_once_somebody_waits(lambda: make_recipients(owner, ANA, "zoe@example.com")):
        report = import_recipients(owner, f"{ANA},Anna\n{BEN},Ben")
    assert report == ImportReport(1, 1, 0, 0, [])


def test_the_same_people_in_another_order_come_in_one_file_after_the_other(
    owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_begun = threading.Event()
    write = writing._write

    def wait_between(owner: User, now: datetime, after: int, last: int) -> int:
        written = write(owner, now, after, last)
        if threading.current_thread() is not threading.main_thread() and not has_begun.is_set():
            has_begun.set()
            wait_for_waiters()
        return written

    monkeypatch.setattr(writing, "CHUNK", 1)
    monkeypatch.setattr(writing, "_write", wait_between)
    with ThreadPoolExecutor(1) as other:
        first = other.submit(done_and_closed, lambda: import_recipients(owner, f"{ANA}\n{BEN}"))
        assert has_begun.wait(30)
        second = import_recipients(owner, f"{BEN}\n{ANA}")
        assert first.result() == ImportReport(2, 0, 0, 0, [])
    assert second == ImportReport(0, 0, 2, 0, [])


def test_another_owner_does_not_wait(owner: User, stranger: User) -> None:
    assert _meanwhile(owner, lambda: import_recipients(stranger, ANA)) == ImportReport(1, 0, 0, 0, [])


def test_a_manager_who_blocks_the_owner_does_not_wait(owner: User, manager: User) -> None:
    assert not _meanwhile(owner, lambda: change_user(owner.pk, "block", manager)).is_active


def _meanwhile(owner: User, act: Callable[[], T]) -> T:
    """Done in another connection while an import of the owner is being written."""
    with ThreadPoolExecutor(1) as other, transaction.atomic():
        import_recipients(owner, ANA)
        return other.submit(done_and_closed, act).result(30)
