"""A blocked person is out at once, and so is their mail."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from core.clock import db_now, shifted
from core.models import User
from core.people import change_user
from mailer.delivery.gate import look
from mailer.delivery.schedule import run_schedule
from mailer.delivery.transitions import TransitionRefused, change_status
from mailer.locks import locked_mailing
from mailer.models import AuditEntry, Mailing
from tests.support.mailings import make_mailing, make_recipients, states
from tests.support.results import a_worker, claimed
from tests.support.waiting import committed_once_somebody_waits, with_many_writers

pytestmark = pytest.mark.django_db

Commits = Callable[..., Any]


@pytest.fixture
def mailing(owner: User) -> Mailing:
    make_recipients(owner, "ana@example.com")
    return change_status(make_mailing(owner).pk, "start", owner)


def test_it_pauses_what_is_under_way_and_says_why(
    mailing: Mailing, owner: User, manager: User, django_capture_on_commit_callbacks: Commits
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        change_user(owner.pk, "block", manager)
    mailing.refresh_from_db()
    assert (mailing.status, str(mailing.why)) == ("paused", "Its owner has been blocked.")
    assert AuditEntry.objects.get(mailing=mailing, action="pause").actor == manager
    entry = AuditEntry.objects.get(user=owner)
    assert (entry.action, entry.actor, entry.before, entry.after) == ("block", manager, "active", "blocked")


def test_a_crash_between_block_and_pause_sends_nothing(mailing: Mailing, owner: User, manager: User) -> None:
    change_user(owner.pk, "block", manager)  # what follows the commit has not run
    assert claimed(a_worker()) == []
    assert look(a_worker(), [mailing.pk]).seconds_left == {}
    run_schedule()
    mailing.refresh_from_db()
    assert mailing.status == "paused"


def test_nobody_resumes_or_starts_a_blocked_persons_mailing(
    mailing: Mailing, owner: User, manager: User, superuser: User
) -> None:
    draft = make_mailing(owner, subject="Another")
    change_user(owner.pk, "block", manager)
    run_schedule()
    for pk, action in ((mailing.pk, "resume"), (draft.pk, "start")):
        with pytest.raises(TransitionRefused, match="blocked"):
            change_status(pk, action, superuser)
    change_user(owner.pk, "unblock", manager)
    assert change_status(mailing.pk, "resume", owner).status == "sending"


def test_a_scheduled_one_does_not_start_and_its_ledger_says_whom_it_missed(owner: User, manager: User) -> None:
    make_recipients(owner, "ben@example.com")
    now = db_now()
    mailing = make_mailing(owner, starts_at=now + timedelta(minutes=1), ends_at=now + timedelta(hours=1))
    change_status(mailing.pk, "schedule", owner)
    change_user(owner.pk, "block", manager)
    with shifted(timedelta(minutes=2)):
        run_schedule()
        mailing.refresh_from_db()
        assert mailing.status == "scheduled"
    with shifted(timedelta(hours=2)):
        run_schedule()
    mailing.refresh_from_db()
    assert (mailing.status, states(mailing)) == ("completed", {"ben@example.com": "expired"})


@with_many_writers
@pytest.mark.django_db(transaction=True)
def test_nor_does_one_whose_owner_is_blocked_just_then(owner: User, manager: User) -> None:
    make_recipients(owner, "ben@example.com")
    mailing = change_status(make_mailing(owner).pk, "schedule", owner)

    def block_while_it_waits() -> None:
        locked_mailing(mailing.pk)
        change_user(owner.pk, "block", manager)

    with committed_once_somebody_waits(block_while_it_waits):
        run_schedule()
    mailing.refresh_from_db()
    assert (mailing.status, states(mailing)) == ("scheduled", {})


def test_a_session_ends_with_the_block_and_does_not_come_back(client: Client, owner: User, manager: User) -> None:
    client.force_login(owner)
    assert client.get("/mailings/").status_code == 200
    change_user(owner.pk, "block", manager)
    assert client.get("/mailings/").status_code == 302
    change_user(owner.pk, "unblock", manager)
    assert client.get("/mailings/").status_code == 302


def test_the_users_page_blocks_and_tells(client: Client, owner: User, manager: User) -> None:
    client.force_login(manager)
    response = client.post(f"/users/{owner.pk}/block/", follow=True)
    assert "is blocked" in response.content.decode()
    assert response.redirect_chain[-1][0] == f"/users/{owner.pk}/"
    again = client.post(f"/users/{owner.pk}/block/", follow=True).content.decode()
    assert "has been done already" in again
    assert abs(AuditEntry.objects.get(user=owner).created_at - timezone.now()) < timedelta(minutes=5)
