"""What audit_mailing finds, and that it finds it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F

from core.clock import shifted
from core.models import User
from mailer.delivery.audit import audit_mailing
from mailer.delivery.ledger import record
from mailer.delivery.outcome import Kind, Outcome, Phase, Scope
from mailer.delivery.schedule import run_schedule
from mailer.delivery.transitions import change_status
from mailer.models import Attempt, AttemptCount, Delivery, Mailing, MailingCount
from tests.support.mailings import make_crowd, make_mailing, make_recipients, states
from tests.support.results import ACCEPTED, DEFERRED, REJECTED, UNCERTAIN, a_worker, claimed, result

pytestmark = pytest.mark.django_db

BY_BACKEND = Outcome(Kind.ACCEPTED, Scope.RECIPIENT, Phase.BODY, None, "", "Taken by a.Backend, which gives no reply")


@pytest.fixture
def mailing(owner: User) -> Mailing:
    """Completed: everything that can become of a delivery has become of one."""
    make_crowd(owner, 7)
    mailing = change_status(make_mailing(owner).pk, "start", owner)
    worker = a_worker()
    outcomes = [ACCEPTED, ACCEPTED, BY_BACKEND, REJECTED, DEFERRED, DEFERRED, UNCERTAIN]
    record(worker, [result(claim, outcome) for claim, outcome in zip(claimed(worker), outcomes, strict=True)])
    with shifted(timedelta(minutes=8)):
        again = [result(claim, outcome) for claim, outcome in zip(claimed(worker), (ACCEPTED, DEFERRED), strict=True)]
        record(worker, again)
    with shifted(timedelta(hours=2)):
        run_schedule()
    assert list(states(mailing).values()) == ["sent", "sent", "sent", "failed", "sent", "expired", "uncertain"]
    return mailing


def differences(mailing: Mailing) -> dict[str, tuple[int, int]]:
    return {check.name: (check.expected, check.found) for check in audit_mailing(mailing.pk) if not check.ok}


def test_it_finds_nothing_where_all_is_well(mailing: Mailing) -> None:
    assert differences(mailing) == {}
    found = {check.name: check.found for check in audit_mailing(mailing.pk)}
    assert found["Deliveries that are sent, by the counter"] == 4
    assert found["Attempts that are failure, by the counter"] == 4
    assert found["Sent: an accepting reply, a backend that gives none, or a person's decision"] == 4


def test_a_draft_has_no_deliveries(owner: User) -> None:
    make_crowd(owner, 2)
    assert differences(make_mailing(owner)) == {}


def test_it_does_not_mind_what_becomes_of_the_address_book_later(mailing: Mailing, owner: User) -> None:
    make_recipients(owner, "new@example.com")
    gone = owner.recipients.get(email="r1@example.com")
    gone.delete()
    make_recipients(owner, "r1@example.com")
    owner.recipients.filter(email="r2@example.com").update(
        email="renamed@example.com", address_key="renamed@example.com"
    )
    assert differences(mailing) == {}


def test_it_does_not_mind_what_is_on_the_wire_of_a_cancelled_mailing(owner: User) -> None:
    make_crowd(owner, 3)
    mailing = change_status(make_mailing(owner).pk, "start", owner)
    claimed(a_worker(), 2)
    change_status(mailing.pk, "cancel", owner)
    assert differences(mailing) == {}
    with shifted(timedelta(minutes=13)):  # long after anybody should have taken them over
        assert differences(mailing) == {"Open deliveries of a closed mailing, but for those on the wire": (0, 2)}


def of_state(state: str) -> int:
    return Delivery.objects.filter(state=state).order_by("pk").values_list("pk", flat=True)[0]


def lose_a_delivery() -> None:
    lost = of_state("expired")
    Attempt.objects.filter(delivery=lost).delete()
    Delivery.objects.filter(pk=lost).delete()


def lose_an_attempt() -> None:
    Attempt.objects.filter(delivery=of_state("sent"), number=1).delete()


def renumber_an_attempt() -> None:
    Attempt.objects.filter(delivery=of_state("failed")).update(number=2)


def say_sent_of_a_refusal() -> None:
    Delivery.objects.filter(pk=of_state("failed")).update(state="sent")


def forget_the_reply() -> None:
    Attempt.objects.filter(delivery=of_state("sent")).update(reply_code=None, server_response="")


def say_queued_of_what_was_sent() -> None:
    Delivery.objects.filter(pk=of_state("sent")).update(state="queued")


def hide_an_unknown() -> None:
    Delivery.objects.filter(pk=of_state("uncertain")).update(state="expired")


def know_what_is_unknown() -> None:
    Attempt.objects.filter(delivery=of_state("uncertain")).update(status="failure")


def send_again_in_silence() -> None:
    first = Attempt.objects.get(delivery=of_state("sent"))
    Attempt.objects.create(
        delivery_id=first.delivery_id,
        mailing_id=first.mailing_id,
        number=2,
        status="success",
        reply_code=250,
        started_at=first.started_at,
        finished_at=first.finished_at,
    )
    Delivery.objects.filter(pk=first.delivery_id).update(attempt_count=2)


def give_it_to_nobody() -> None:
    Delivery.objects.filter(pk=of_state("expired")).update(state="sending")


def keep_it_in_hand() -> None:
    Delivery.objects.filter(pk=of_state("expired")).update(worker=a_worker())


def lose_what_an_attempt_is_of() -> None:
    lost = Delivery.objects.filter(pk=of_state("sent"))
    lost._raw_delete(lost.db)


def lose_what_a_delivery_is_of() -> None:
    Delivery.objects.filter(pk=of_state("sent")).update(mailing=Mailing(pk=10**9))


def lose_the_mailing_of_an_attempt() -> None:
    Attempt.objects.filter(delivery=of_state("failed")).update(mailing=Mailing(pk=10**9))


def lose_who_holds_it() -> None:
    Delivery.objects.filter(pk=of_state("expired")).update(state="sending", worker=10**9)


def miscount_deliveries() -> None:
    MailingCount.objects.filter(state="sent").update(n=F("n") + 1)


def miscount_attempts() -> None:
    AttemptCount.objects.filter(status="success").update(n=F("n") - 1)


@pytest.mark.parametrize(
    ("damage", "name"),
    [
        (lose_a_delivery, "Recipients of the launch without a delivery"),
        (lose_an_attempt, "Deliveries whose attempts are not numbered 1, 2, 3 …"),
        (lose_an_attempt, "Attempts that are success, by the counter"),
        (renumber_an_attempt, "Deliveries whose attempts are not numbered 1, 2, 3 …"),
        (say_sent_of_a_refusal, "Sent: an accepting reply, a backend that gives none, or a person's decision"),
        (forget_the_reply, "Sent: an accepting reply, a backend that gives none, or a person's decision"),
        (say_queued_of_what_was_sent, "Accepted, but not listed as sent"),
        (say_queued_of_what_was_sent, "Open deliveries of a closed mailing, but for those on the wire"),
        (hide_an_unknown, "Not known, but neither listed as uncertain nor decided by a person"),
        (know_what_is_unknown, "Uncertain: an attempt of which nobody knows"),
        (send_again_in_silence, "Mailed again though the mail may have arrived, and nobody chose that"),
        (give_it_to_nobody, "Deliveries in nobody's hands that are sending, or the other way round"),
        (keep_it_in_hand, "Deliveries in nobody's hands that are sending, or the other way round"),
        (lose_what_an_attempt_is_of, "Attempts of a delivery that is gone"),
        (lose_what_a_delivery_is_of, "Deliveries of a mailing that is gone"),
        (lose_the_mailing_of_an_attempt, "Attempts of a mailing that is gone"),
        (lose_who_holds_it, "Deliveries in the hands of a worker that is gone"),
        (miscount_deliveries, "Deliveries that are sent, by the counter"),
        (miscount_attempts, "Attempts that are success, by the counter"),
    ],
)
def test_it_finds_what_is_wrong(mailing: Mailing, damage: Callable[[], None], name: str) -> None:
    damage()
    assert name in differences(mailing)


def test_the_command_tells_each_count_and_that_all_is_well(
    mailing: Mailing, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("audit_mailing", str(mailing.pk))
    said = capsys.readouterr().out
    assert "ok                  4  Deliveries that are sent, by the counter\n" in said
    assert said.endswith(f"All {len(audit_mailing(mailing.pk))} hold.\n")


def test_the_command_exits_with_1_on_a_difference(mailing: Mailing, capsys: pytest.CaptureFixture[str]) -> None:
    miscount_deliveries()
    with pytest.raises(SystemExit) as exit:
        call_command("audit_mailing", str(mailing.pk))
    assert exit.value.code == 1
    assert "DIFFERENT           5  Deliveries that are sent, by the counter: 4 expected\n" in capsys.readouterr().out


def test_the_command_knows_no_other_mailings() -> None:
    with pytest.raises(CommandError, match="no mailing 999"):
        call_command("audit_mailing", "999")


def test_what_is_left_of_a_mailing_that_is_gone_is_told_with_any_other(mailing: Mailing, owner: User) -> None:
    lose_what_a_delivery_is_of()
    assert differences(make_mailing(owner)) == {"Deliveries of a mailing that is gone": (0, 1)}


@pytest.mark.django_db(transaction=True)
def test_it_sees_one_moment_and_keeps_nobody_waiting(mailing: Mailing, owner: User) -> None:
    """Outside of a transaction, as the command runs it."""
    assert differences(mailing) == {}
    change_status(make_mailing(owner).pk, "start", owner)
