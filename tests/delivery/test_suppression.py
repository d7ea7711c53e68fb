"""Whoever is suppressed is skipped, wherever their delivery is by then: to be made, waiting, in hand, to be retried."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from core.clock import shifted
from core.models import User
from mailer.delivery import materialise
from mailer.delivery.audit import audit_mailing
from mailer.delivery.gate import Gate, look
from mailer.delivery.ledger import record
from mailer.delivery.outcome import Outcome
from mailer.delivery.schedule import run_schedule
from mailer.delivery.transitions import change_status
from mailer.models import Attempt, Delivery, Mailing, Suppression
from tests.support.choices import choose
from tests.support.mailings import counted, make_crowd, make_mailing, really_counted, states
from tests.support.results import (
    ACCEPTED,
    DEFERRED,
    LOST,
    REJECTED,
    UNCERTAIN,
    WITHHELD,
    a_worker,
    claimed,
    result,
)
from tests.support.suppressions import suppress_for
from tests.support.sweeping import answered, killed_worker, sweep, sweep_after_long_silence

pytestmark = pytest.mark.django_db

R1 = "r1@example.com"


@pytest.fixture
def mailing(owner: User) -> Mailing:
    make_crowd(owner, 4)
    return change_status(make_mailing(owner).pk, "start", owner)


def reasons(mailing: Mailing) -> dict[str, str]:
    skipped = Delivery.objects.filter(mailing=mailing, state="skipped")
    return dict(skipped.values_list("email", "state_reason"))


def is_sound(mailing: Mailing) -> bool:
    return counted(mailing) == really_counted(mailing) and all(check.ok for check in audit_mailing(mailing.pk))


@pytest.mark.parametrize("chunk", [2, 20_000])
def test_a_launch_makes_their_deliveries_skipped_with_the_reason(
    owner: User, stranger: User, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    make_crowd(owner, 7)
    suppress_for(owner, "r0@example.com", reason="unsubscribed")
    suppress_for(owner, "r0@example.com", reason="hard_bounce")
    suppress_for(owner, "r5@example.com", reason="complaint")
    suppress_for(None, "r0@example.com", "r6@example.com")
    suppress_for(stranger, "r2@example.com")
    monkeypatch.setattr("mailer.delivery.transitions.FIRST_CHUNK", chunk)
    monkeypatch.setattr(materialise.materialise_chunk, "__defaults__", (chunk,))
    mailing = change_status(make_mailing(owner).pk, "start", owner)
    for _second in range(5):
        run_schedule()
    assert reasons(mailing) == {
        "r0@example.com": "unsubscribed",
        "r5@example.com": "complaint",
        "r6@example.com": "site",
    }
    assert counted(mailing) == {"queued": 4, "skipped": 3}
    assert is_sound(mailing)


def test_a_mailing_to_nobody_else_is_done_at_once(owner: User) -> None:
    make_crowd(owner, 3)
    suppress_for(owner, *(f"r{n}@example.com" for n in range(3)))
    mailing = change_status(make_mailing(owner).pk, "start", owner)
    run_schedule()
    mailing.refresh_from_db()
    assert mailing.status == "completed"


def test_what_waits_is_skipped_at_once_in_each_of_the_owners_mailings(owner: User, mailing: Mailing) -> None:
    other = change_status(make_mailing(owner).pk, "start", owner)
    change_status(other.pk, "pause", owner)
    assert suppress_for(owner, R1, reason="unsubscribed") == 1
    for one in (mailing, other):
        assert reasons(one) == {R1: "unsubscribed"}
        assert is_sound(one)


def test_others_mail_them_as_before(stranger: User, mailing: Mailing) -> None:
    suppress_for(stranger, R1)
    assert reasons(mailing) == {}
    suppress_for(None, R1)
    assert reasons(mailing) == {R1: "site"}


def test_a_claim_leaves_them_whatever_was_missed_before(owner: User, mailing: Mailing) -> None:
    Suppression.objects.create(owner=owner, address_key=R1, reason="manual")
    assert [claim.email for claim in claimed(a_worker())] == [f"r{n}@example.com" for n in (0, 2, 3)]
    assert reasons(mailing) == {R1: "manual"}
    assert is_sound(mailing)


def test_the_gate_lets_none_of_them_pass_from_its_next_look_on(owner: User, mailing: Mailing) -> None:
    worker = a_worker()
    first, second, *_others = claimed(worker)
    gate = Gate(lambda: 0.0)
    gate.lease_held_until(60.0)
    gate.update(look(worker, [mailing.pk]), 0.0)
    assert gate.allows(mailing.pk, second.delivery_id)
    suppress_for(owner, R1)
    gate.update(look(worker, [mailing.pk]), 0.0)
    assert gate.allows(mailing.pk, first.delivery_id)
    assert not gate.allows(mailing.pk, second.delivery_id)
    assert look(a_worker(), [mailing.pk]).suppressed == frozenset()


@pytest.mark.parametrize(
    ("outcome", "state", "attempts"),
    [
        (WITHHELD, "skipped", 0),
        (LOST, "skipped", 0),
        (DEFERRED, "skipped", 1),
        (ACCEPTED, "sent", 1),
        (UNCERTAIN, "uncertain", 1),
        (REJECTED, "failed", 1),
    ],
)
def test_what_a_worker_gives_back_is_skipped_and_what_was_handed_over_counts(
    owner: User, mailing: Mailing, outcome: Outcome, state: str, attempts: int
) -> None:
    worker = a_worker()
    claim = claimed(worker, 2)[1]
    suppress_for(owner, R1)
    assert states(mailing)[R1] == "sending"
    record(worker, [result(claim, outcome)])
    delivery = Delivery.objects.get(email=R1)
    assert (delivery.state, delivery.attempt_count) == (state, attempts)
    assert delivery.state_reason == ("manual" if state == "skipped" else "")


def test_nothing_of_them_is_retried(owner: User, mailing: Mailing) -> None:
    worker = a_worker()
    record(worker, [result(claim, DEFERRED) for claim in claimed(worker)])
    suppress_for(owner, R1)
    assert states(mailing)[R1] == "skipped"
    with shifted(timedelta(minutes=10)):
        assert R1 not in [claim.email for claim in claimed(worker)]
    assert is_sound(mailing)


def resent(owner: User, mailing: Mailing, worker: int) -> None:
    """A person chose to resend the one whose address is R1."""
    record(worker, [result(claim, UNCERTAIN) for claim in claimed(worker)])
    choose(mailing, "resend", owner, email=R1)


def test_one_that_waits_to_be_resent_is_uncertain_as_before(owner: User, mailing: Mailing) -> None:
    resent(owner, mailing, a_worker())
    suppress_for(owner, R1)
    assert states(mailing)[R1] == "uncertain"
    assert is_sound(mailing)


def test_one_that_would_be_claimed_to_be_resent_is_uncertain_as_before(owner: User, mailing: Mailing) -> None:
    worker = a_worker()
    resent(owner, mailing, worker)
    Suppression.objects.create(owner=owner, address_key=R1, reason="manual")
    assert claimed(worker) == []
    assert states(mailing)[R1] == "uncertain"
    assert is_sound(mailing)


def test_one_that_was_not_resent_after_all_is_uncertain_as_before(owner: User, mailing: Mailing) -> None:
    worker = a_worker()
    resent(owner, mailing, worker)
    claims = claimed(worker)
    suppress_for(owner, R1)
    record(worker, [result(claim, WITHHELD) for claim in claims])
    delivery = Delivery.objects.get(email=R1)
    assert (delivery.state, delivery.state_reason) == ("uncertain", "")
    assert is_sound(mailing)


def test_a_cancelled_one_is_cancelled(owner: User, mailing: Mailing) -> None:
    worker = a_worker()
    claims = claimed(worker)
    change_status(mailing.pk, "cancel", owner)
    suppress_for(owner, R1)
    record(worker, [result(claim, WITHHELD) for claim in claims])
    assert set(states(mailing).values()) == {"cancelled"}


def test_what_was_skipped_stays_so_when_it_is_lifted_and_the_next_mailing_goes(owner: User, mailing: Mailing) -> None:
    suppress_for(owner, R1)
    Suppression.objects.update(lifted_at="2026-01-01T00:00Z")
    run_schedule()
    assert states(mailing)[R1] == "skipped"
    assert states(change_status(make_mailing(owner).pk, "start", owner))[R1] == "queued"


def test_an_address_that_a_server_calls_unknown_is_suppressed_for_its_owner(
    owner: User, stranger: User, mailing: Mailing
) -> None:
    other = change_status(make_mailing(owner).pk, "start", owner)
    worker = a_worker()
    claims = claimed(worker)
    bounced = [claim for claim in claims if claim.email == R1]
    record(worker, [result(bounced[0], REJECTED), result(bounced[1], DEFERRED)])
    suppression = Suppression.objects.get()
    assert (suppression.owner, suppression.address_key, suppression.reason) == (owner, R1, "hard_bounce")
    assert (suppression.source, suppression.delivery_id) == ("550 5.1.1 No such user", bounced[0].delivery_id)
    assert sorted([states(mailing)[R1], states(other)[R1]]) == ["failed", "skipped"]
    record(worker, [result(claim, ACCEPTED) for claim in claims])
    assert R1 not in [claim.email for claim in claimed(worker)]
    assert is_sound(mailing)
    assert is_sound(other)


def test_a_bounce_is_suppressed_once_and_retried_by_nobody(owner: User, mailing: Mailing) -> None:
    worker = a_worker()
    record(worker, [result(claim, REJECTED) for claim in claimed(worker)])
    assert choose(mailing, "retry_failed", owner) == 0
    assert claimed(worker) == []
    assert Suppression.objects.count() == 4
    assert set(states(mailing).values()) == {"failed"}
    assert Attempt.objects.count() == 4
    assert is_sound(mailing)


def test_lifting_it_lets_a_bounced_one_be_retried(owner: User, mailing: Mailing) -> None:
    worker = a_worker()
    record(worker, [result(claim, REJECTED) for claim in claimed(worker)])
    Suppression.objects.filter(address_key=R1).update(lifted_at="2026-01-01T00:00Z")
    assert choose(mailing, "retry_failed", owner) == 1
    assert [claim.email for claim in claimed(worker)] == [R1]
    assert is_sound(mailing)


def test_a_bounce_that_only_a_journal_tells_of_is_suppressed(mailing: Mailing, tmp_path: Path) -> None:
    killed_worker(tmp_path, answered(REJECTED))
    sweep(tmp_path)
    assert list(Suppression.objects.values_list("address_key", "reason")) == [("r0@example.com", "hard_bounce")]


def test_a_bounce_that_is_learned_late_is_suppressed(mailing: Mailing, tmp_path: Path) -> None:
    killed_worker(tmp_path / "away", answered(REJECTED))
    sweep_after_long_silence(tmp_path / "here")
    assert not Suppression.objects.exists()
    (tmp_path / "away").rename(tmp_path / "here")
    with shifted(timedelta(hours=1)):
        sweep(tmp_path / "here")
    assert list(Suppression.objects.values_list("address_key", "reason")) == [("r0@example.com", "hard_bounce")]
