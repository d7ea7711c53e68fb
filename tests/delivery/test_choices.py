"""What a person chooses about deliveries that were not sent, or are not known."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections

from core.clock import db_now, shifted
from core.models import User
from mailer.delivery.audit import audit_mailing
from mailer.delivery.choices import MOVES, last_decision, possible_choices
from mailer.delivery.counts import PAGES, move_counts
from mailer.delivery.insert_select import insert_select
from mailer.delivery.ledger import record
from mailer.delivery.schedule import run_schedule
from mailer.delivery.transitions import TransitionRefused, change_status
from mailer.history import happening
from mailer.models import Attempt, AuditEntry, Decision, Delivery, Mailing, Suppression
from tests.support.choices import choose
from tests.support.mailings import counted, make_crowd, make_mailing, really_counted, states
from tests.support.results import ACCEPTED, REFUSED, UNCERTAIN, a_worker, claimed, result
from tests.support.waiting import with_many_writers

pytestmark = pytest.mark.django_db


def launched(owner: User, n: int = 6) -> Mailing:
    make_crowd(owner, n)
    return change_status(make_mailing(owner).pk, "start", owner)


@pytest.fixture
def mailing(owner: User) -> Mailing:
    """Completed: two sent, two failed, two uncertain."""
    mailing = launched(owner)
    worker = a_worker()
    outcomes = [ACCEPTED, ACCEPTED, REFUSED, REFUSED, UNCERTAIN, UNCERTAIN]
    record(worker, [result(c, o) for c, o in zip(claimed(worker), outcomes, strict=True)])
    run_schedule()
    mailing.refresh_from_db()
    assert mailing.status == "completed"
    return mailing


@pytest.fixture
def expired(owner: User) -> Mailing:
    """Completed by its window's end an hour ago, with three of four not sent."""
    mailing = launched(owner, 4)
    worker = a_worker()
    record(worker, [result(claim, ACCEPTED) for claim in claimed(worker, 1)])
    mailing.starts_at, mailing.ends_at = db_now() - timedelta(hours=2), db_now() - timedelta(hours=1)
    mailing.save()
    run_schedule()
    mailing.refresh_from_db()
    assert mailing.status == "completed"
    assert counted(mailing) == {"sent": 1, "expired": 3} == really_counted(mailing)
    return mailing


def test_failed_ones_are_tried_again_with_their_attempts_kept(mailing: Mailing, owner: User) -> None:
    assert choose(mailing, "retry_failed", owner) == 2
    assert counted(mailing) == {"sent": 2, "queued": 2, "uncertain": 2} == really_counted(mailing)
    mailing.refresh_from_db()
    assert mailing.status == "sending"
    worker = a_worker()
    claims = claimed(worker)
    assert [claim.number for claim in claims] == [2, 2]
    record(worker, [result(claim, ACCEPTED) for claim in claims])
    again = Attempt.objects.filter(delivery=claims[0].delivery_id).order_by("number")
    assert list(again.values_list("number", "status")) == [(1, "failure"), (2, "success")]
    run_schedule()
    mailing.refresh_from_db()
    assert mailing.status == "completed"
    assert counted(mailing) == {"sent": 4, "uncertain": 2} == really_counted(mailing)


def test_who_chose_what_when_is_kept_for_the_mailing_and_for_each_delivery(mailing: Mailing, owner: User) -> None:
    before = db_now()
    choose(mailing, "resend", owner)
    entries = AuditEntry.objects.order_by("-pk")[:2]
    assert [(e.actor, e.action, e.before, e.after, happening(e).why) for e in entries] == [
        (owner, "resend", "uncertain", "queued", "Deliveries: 2."),
        (owner, "reopen", "completed", "sending", ""),
    ]
    decisions = Decision.objects.order_by("delivery_id")
    assert [(d.delivery.email, d.choice, d.attempt_number, d.actor) for d in decisions] == [
        ("r4@example.com", "resend", 1, owner),
        ("r5@example.com", "resend", 1, owner),
    ]
    assert all(before <= decision.made_at <= db_now() for decision in decisions)


def test_a_choice_for_one_delivery_names_it(mailing: Mailing, owner: User) -> None:
    assert choose(mailing, "treat_as_sent", owner, email="r4@example.com") == 1
    assert happening(AuditEntry.objects.latest("pk")).why == "The delivery to r4@example.com."
    assert states(mailing)["r4@example.com"] == "sent"
    assert states(mailing)["r5@example.com"] == "uncertain"


def test_treating_as_sent_sends_nothing_and_leaves_the_attempt_as_it_is(mailing: Mailing, owner: User) -> None:
    assert choose(mailing, "treat_as_sent", owner) == 2
    mailing.refresh_from_db()
    assert mailing.status == "completed"
    assert counted(mailing) == {"sent": 4, "failed": 2} == really_counted(mailing)
    assert Attempt.objects.filter(status="uncertain").count() == 2
    assert not claimed(a_worker())


@pytest.mark.parametrize("choice", ["retry_failed", "resend", "treat_as_sent"])
def test_a_second_click_finds_nothing_to_do(mailing: Mailing, owner: User, choice: str) -> None:
    seen = last_decision(mailing.pk)
    assert choose(mailing, choice, owner, seen=seen) == 2
    entries = AuditEntry.objects.count()
    assert choose(mailing, choice, owner, seen=seen) == 0
    assert AuditEntry.objects.count() == entries
    assert Decision.objects.count() == 2


def test_another_tab_does_not_resend_what_became_uncertain_again(mailing: Mailing, owner: User) -> None:
    seen = last_decision(mailing.pk)
    choose(mailing, "resend", owner, seen=seen)
    worker = a_worker()
    record(worker, [result(claim, UNCERTAIN) for claim in claimed(worker)])
    assert counted(mailing)["uncertain"] == 2
    assert choose(mailing, "resend", owner, seen=seen) == 0
    assert choose(mailing, "resend", owner) == 2


def test_while_sending_failed_ones_join_the_queue(owner: User) -> None:
    mailing = launched(owner)
    worker = a_worker()
    record(worker, [result(claimed(worker, 1)[0], REFUSED)])
    assert choose(mailing, "retry_failed", owner) == 1
    assert counted(mailing) == {"queued": 6} == really_counted(mailing)
    assert not AuditEntry.objects.filter(action="reopen").exists()


def test_a_paused_mailing_stays_paused(owner: User) -> None:
    mailing = launched(owner)
    worker = a_worker()
    record(worker, [result(claimed(worker, 1)[0], REFUSED)])
    change_status(mailing.pk, "pause", owner)
    choose(mailing, "retry_failed", owner)
    mailing.refresh_from_db()
    assert mailing.status == "paused"
    assert not claimed(a_worker())


@pytest.mark.parametrize("choice", ["retry_failed", "resend", "extend"])
def test_after_the_window_sending_needs_a_new_end(expired: Mailing, owner: User, choice: str) -> None:
    Delivery.objects.filter(state="expired").update(state=MOVES[choice].source)
    expired.counts.filter(state="expired").update(state=MOVES[choice].source)
    for ends_at in (None, db_now() - timedelta(minutes=1)):
        with pytest.raises(TransitionRefused, match="window has ended"):
            choose(expired, choice, owner, ends_at=ends_at)
    assert not Decision.objects.exists()
    assert not AuditEntry.objects.filter(action=choice).exists()
    new_end = db_now() + timedelta(hours=3)
    assert choose(expired, choice, owner, ends_at=new_end) == 3
    expired.refresh_from_db()
    assert (expired.status, expired.ends_at, str(expired.why)) == ("sending", new_end, "")
    assert counted(expired) == {"sent": 1, "queued": 3} == really_counted(expired)
    window = AuditEntry.objects.get(action="window")
    assert window.before != window.after
    assert len(claimed(a_worker())) == 3


def test_inside_the_window_its_end_stays(mailing: Mailing, owner: User) -> None:
    ends_at = mailing.ends_at
    choose(mailing, "retry_failed", owner, ends_at=db_now() + timedelta(days=9))
    mailing.refresh_from_db()
    assert mailing.ends_at == ends_at


def test_treating_as_sent_needs_no_window(mailing: Mailing, owner: User) -> None:
    with shifted(timedelta(hours=3)):
        assert choose(mailing, "treat_as_sent", owner) == 2


@pytest.mark.parametrize("choice", ["retry_failed", "resend"])
def test_a_cancelled_mailing_sends_nothing_more(mailing: Mailing, owner: User, choice: str) -> None:
    Mailing.objects.update(status="cancelled")
    with pytest.raises(TransitionRefused, match="cancelled"):
        choose(mailing, choice, owner)
    assert counted(mailing) == {"sent": 2, "failed": 2, "uncertain": 2} == really_counted(mailing)
    assert choose(mailing, "treat_as_sent", owner) == 2


def test_a_blocked_owners_mailing_is_not_reopened(mailing: Mailing, owner: User, superuser: User) -> None:
    User.objects.filter(pk=owner.pk).update(is_active=False)
    with pytest.raises(TransitionRefused, match="blocked"):
        choose(mailing, "retry_failed", superuser)


def test_many_move_chunk_by_chunk_with_nobody_forgotten(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailer.delivery.choices.CHUNK", 7)
    mailing = launched(owner, 21)
    worker = a_worker()
    record(worker, [result(claim, REFUSED) for claim in claimed(worker)])
    assert choose(mailing, "retry_failed", owner) == 21
    assert counted(mailing) == {"queued": 21} == really_counted(mailing)
    assert Decision.objects.count() == 21
    assert happening(AuditEntry.objects.get(action="retry_failed")).why == "Deliveries: 21."


def test_a_cancel_between_two_chunks_leaves_nothing_open(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailer.delivery.choices.CHUNK", 2)
    mailing = launched(owner, 5)
    worker = a_worker()
    record(worker, [result(claim, REFUSED) for claim in claimed(worker)])
    monkeypatch.setattr(
        "mailer.delivery.choices.publish_on_commit", lambda mailing_id: change_status(mailing_id, "cancel", owner)
    )
    with pytest.raises(TransitionRefused, match="cancelled"):
        choose(mailing, "retry_failed", owner)
    assert counted(mailing) == {"cancelled": 2, "failed": 3} == really_counted(mailing)


@with_many_writers
@pytest.mark.django_db(transaction=True)
def test_what_becomes_uncertain_just_then_is_left_to_be_chosen(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim passes over one that was to be resent, and is suppressed now: it waits for no lock on the mailing."""
    mailing = launched(owner, 2)
    worker = a_worker()
    record(worker, [result(claim, UNCERTAIN) for claim in claimed(worker)])
    choose(mailing, "resend", owner, email="r0@example.com")
    Suppression.objects.create(owner=owner, address_key="r0@example.com", reason="hard_bounce")

    def decided_as_a_claim_comes(*what: Any) -> int:
        n = insert_select(*what)
        with ThreadPoolExecutor(1) as other:
            assert other.submit(claimed, worker).result() == []
            other.submit(connections.close_all).result()
        return n

    monkeypatch.setattr("mailer.delivery.choices.insert_select", decided_as_a_claim_comes)
    assert choose(mailing, "treat_as_sent", owner) == 1
    assert states(mailing) == {"r0@example.com": "uncertain", "r1@example.com": "sent"}
    assert counted(mailing) == really_counted(mailing)
    assert [check for check in audit_mailing(mailing.pk) if not check.ok] == []


@pytest.mark.parametrize("choice", ["retry_failed", "extend", "resend"])
def test_whoever_is_suppressed_is_left_as_they_are(mailing: Mailing, owner: User, stranger: User, choice: str) -> None:
    source = MOVES[choice].source
    Delivery.objects.filter(state__in=["failed", "uncertain"]).update(state=source)
    moves = Counter({"failed": -2, "uncertain": -2})
    moves[source] += 4
    move_counts(mailing.pk, PAGES, moves)
    keys = list(Delivery.objects.filter(state=source).order_by("pk").values_list("address_key", flat=True))
    for whose, key in zip([owner, None, stranger], keys, strict=False):
        Suppression.objects.create(owner=whose, address_key=key, reason="manual")
    assert choose(mailing, choice, owner) == 2
    assert list(Decision.objects.order_by("delivery").values_list("delivery__address_key", flat=True)) == keys[2:]
    assert happening(AuditEntry.objects.get(action=choice)).why == "Deliveries: 2."
    assert counted(mailing) == {"sent": 2, source: 2, "queued": 2} == really_counted(mailing)


def test_where_all_are_suppressed_nothing_is_chosen(mailing: Mailing, owner: User) -> None:
    for key in states(mailing):
        Suppression.objects.create(address_key=key, reason="complaint")
    for choice in ("retry_failed", "resend"):
        assert choose(mailing, choice, owner) == 0
    assert not AuditEntry.objects.filter(action__in=["retry_failed", "resend", "reopen"]).exists()
    assert choose(mailing, "treat_as_sent", owner) == 2


def test_it_offers_what_the_mailing_can_still_do(mailing: Mailing, owner: User) -> None:
    assert possible_choices(mailing, "uncertain") == ["resend", "treat_as_sent"]
    assert possible_choices(mailing, "failed") == ["retry_failed"]
    assert possible_choices(mailing, "expired") == ["extend"]
    assert possible_choices(mailing, "sent") == []
    mailing.status = "cancelled"
    assert possible_choices(mailing, "uncertain") == ["treat_as_sent"]
    assert possible_choices(make_mailing(owner), "uncertain") == []
