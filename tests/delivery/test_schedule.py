from __future__ import annotations

from datetime import timedelta

import pytest

from core.clock import db_now, shifted
from core.models import User
from mailer.delivery import materialise
from mailer.delivery.counts import PAGES, move_counts
from mailer.delivery.schedule import finish_materialising, run_schedule
from mailer.delivery.transitions import (
    PERSONS_ACTIONS,
    TRANSITIONS,
    TransitionRefused,
    available_actions,
    change_status,
)
from mailer.delivery.work_left import work_left
from mailer.models import AuditEntry, Delivery, Mailing
from tests.support.mailings import counted, make_crowd, make_mailing, make_recipients, really_counted, states

pytestmark = pytest.mark.django_db


def test_it_launches_with_frozen_content_and_one_delivery_each(owner: User) -> None:
    make_recipients(owner, "ana@example.com", "boris@example.com")
    mailing = make_mailing(owner, subject="First")
    change_status(mailing.pk, "start", owner)
    mailing.message.subject = "Edited"
    mailing.message.save()
    run_schedule()
    mailing.refresh_from_db()
    assert (mailing.status, mailing.content.subject) == ("sending", "First")
    assert mailing.launched_at
    assert mailing.materialised_at
    assert states(mailing) == {"ana@example.com": "queued", "boris@example.com": "queued"}
    assert counted(mailing) == {"queued": 2}
    delivery = Delivery.objects.get(email="ana@example.com")
    assert delivery.merge_data == {"email": "ana@example.com", "full_name": "Ana", "comment": ""}
    assert delivery.message_id == f"<{mailing.content.token}.{delivery.recipient_id}@localhost>"


def test_it_makes_the_rest_in_chunks_and_loses_nobody_in_between(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(materialise, "CHUNK", 7)
    monkeypatch.setattr("mailer.delivery.transitions.FIRST_CHUNK", 5)
    monkeypatch.setattr(materialise.materialise_chunk, "__defaults__", (7,))
    make_crowd(owner, 23)
    mailing = make_mailing(owner)
    change_status(mailing.pk, "start", owner)
    assert Delivery.objects.filter(mailing=mailing).count() == 5
    assert work_left().due == 6
    run_schedule()
    assert Delivery.objects.filter(mailing=mailing).count() == 12
    finish_materialising(owner)
    mailing.refresh_from_db()
    assert mailing.materialised_at
    assert counted(mailing) == {"queued": 23} == really_counted(mailing)


def test_it_sends_to_the_chosen_ones_alone(owner: User) -> None:
    ana, _boris = make_recipients(owner, "ana@example.com", "boris@example.com")
    mailing = make_mailing(owner)
    mailing.everyone = False
    mailing.save()
    mailing.recipients.add(ana)
    change_status(mailing.pk, "start", owner)
    assert set(states(mailing)) == {"ana@example.com"}


def test_it_starts_a_scheduled_mailing_when_its_time_comes(owner: User) -> None:
    make_crowd(owner, 2)
    now = db_now()
    mailing = make_mailing(owner, starts_at=now + timedelta(hours=1), ends_at=now + timedelta(hours=2))
    change_status(mailing.pk, "schedule", owner)
    run_schedule()
    assert Mailing.objects.get().status == "scheduled"
    with shifted(timedelta(minutes=61)):
        run_schedule()
    assert Mailing.objects.get().status == "sending"
    assert list(AuditEntry.objects.order_by("pk").values_list("action", "actor__email", "before", "after")) == [
        ("schedule", owner.email, "draft", "scheduled"),
        ("start", None, "scheduled", "sending"),
    ]


def test_it_moves_the_start_to_now_when_sent_before_its_window(owner: User) -> None:
    make_crowd(owner, 1)
    now = db_now()
    mailing = make_mailing(owner, starts_at=now + timedelta(hours=1), ends_at=now + timedelta(hours=2))
    started = change_status(mailing.pk, "start", owner)
    assert started.starts_at <= db_now()


def test_it_asks_for_a_new_end_after_the_window(owner: User) -> None:
    make_crowd(owner, 1)
    now = db_now()
    mailing = make_mailing(owner, starts_at=now - timedelta(hours=2), ends_at=now - timedelta(hours=1))
    for action in ("start", "schedule"):
        with pytest.raises(TransitionRefused, match="window has ended"):
            change_status(mailing.pk, action, owner)
    started = change_status(mailing.pk, "start", owner, ends_at=now + timedelta(hours=1))
    assert (started.status, started.ends_at) == ("sending", now + timedelta(hours=1))


def test_it_refuses_to_send_to_nobody(owner: User) -> None:
    mailing = make_mailing(owner)
    with pytest.raises(TransitionRefused, match="nobody"):
        change_status(mailing.pk, "start", owner)
    assert Mailing.objects.get().status == "draft"


def test_it_expires_what_is_open_at_the_end_and_says_how_many_were_left(owner: User) -> None:
    make_crowd(owner, 3)
    mailing = make_mailing(owner)
    change_status(mailing.pk, "start", owner)
    Delivery.objects.filter(email="r0@example.com").update(state="deferred")
    change_status(mailing.pk, "pause", owner)
    with shifted(timedelta(hours=2)):
        with pytest.raises(TransitionRefused):
            change_status(mailing.pk, "resume", owner)
        run_schedule()
    mailing.refresh_from_db()
    assert mailing.status == "completed"
    assert "3 not sent" in str(mailing.why)
    assert set(states(mailing).values()) == {"expired"}


def test_it_waits_with_completing_for_what_is_on_the_wire(owner: User) -> None:
    make_crowd(owner, 1)
    mailing = make_mailing(owner)
    change_status(mailing.pk, "start", owner)
    Delivery.objects.update(state="sending")
    with shifted(timedelta(hours=2)):
        run_schedule()
        assert Mailing.objects.get().status == "sending"
        Delivery.objects.update(state="sent")
        move_counts(mailing.pk, PAGES, {"queued": -1, "sent": 1})
        run_schedule()
    assert Mailing.objects.get().status == "completed"


def test_it_accounts_for_everybody_of_a_mailing_that_nobody_sent(owner: User) -> None:
    make_crowd(owner, 4)
    mailing = make_mailing(owner)
    change_status(mailing.pk, "schedule", owner)
    with shifted(timedelta(hours=2)):
        run_schedule()
    mailing.refresh_from_db()
    assert mailing.status == "completed"
    assert counted(mailing) == {"expired": 4} == really_counted(mailing)


def test_it_cancels_what_waits(owner: User) -> None:
    make_crowd(owner, 3)
    mailing = make_mailing(owner)
    change_status(mailing.pk, "start", owner)
    change_status(mailing.pk, "cancel", owner)
    assert counted(mailing) == {"cancelled": 3} == really_counted(mailing)


def test_it_gives_those_not_yet_made_when_cancelled_a_cancelled_delivery(
    owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailer.delivery.transitions.FIRST_CHUNK", 2)
    make_crowd(owner, 5)
    mailing = make_mailing(owner)
    change_status(mailing.pk, "start", owner)
    change_status(mailing.pk, "cancel", owner)
    run_schedule()
    assert counted(mailing) == {"cancelled": 5} == really_counted(mailing)


@pytest.mark.parametrize("status", Mailing.Status.values)
@pytest.mark.parametrize("action", TRANSITIONS)
def test_it_allows_the_transitions_of_the_table_alone(owner: User, status: str, action: str) -> None:
    make_crowd(owner, 1)
    mailing = make_mailing(owner)
    Mailing.objects.update(status=status)
    mailing.refresh_from_db()
    if status in TRANSITIONS[action].sources:
        assert change_status(mailing.pk, action, owner).status == TRANSITIONS[action].target
    else:
        with pytest.raises(TransitionRefused):
            change_status(mailing.pk, action, owner)
    assert (action in available_actions(mailing)) == (
        action in PERSONS_ACTIONS and status in TRANSITIONS[action].sources
    )
