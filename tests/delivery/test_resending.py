"""A person chooses to resend what may have arrived: the same mail, flagged, and never forgotten to be in doubt."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async

from core.clock import db_now, shifted
from core.models import User
from mailer.delivery.doubt import perhaps_twice
from mailer.delivery.ledger import record
from mailer.delivery.outcome import Outcome
from mailer.delivery.schedule import run_schedule
from mailer.delivery.transitions import change_status
from mailer.models import Attempt, Delivery, Mailing
from tests.support.choices import choose
from tests.support.engine import send
from tests.support.mailings import counted, make_crowd, make_mailing, really_counted, states
from tests.support.results import ACCEPTED, DEFERRED, LOST, REFUSED, UNCERTAIN, WITHHELD, a_worker, claimed, result
from tests.support.smtp_server import SmtpServer, drop_after_dot


@pytest.fixture
def mailing(owner: User) -> Mailing:
    """Sending to three; the first one is uncertain, chosen to be resent; the others wait."""
    make_crowd(owner, 3)
    mailing = change_status(make_mailing(owner).pk, "start", owner)
    worker = a_worker()
    record(worker, [result(claim, UNCERTAIN) for claim in claimed(worker, 1)])
    choose(mailing, "resend", owner)
    return mailing


def first_state(mailing: Mailing) -> str:
    return states(mailing)["r0@example.com"]


@pytest.mark.django_db(transaction=True)
async def test_the_second_copy_is_the_same_mail_and_is_flagged(
    owner: User, site: Callable[[SmtpServer | int], None]
) -> None:
    def launch() -> Mailing:
        make_crowd(owner, 3)
        return change_status(make_mailing(owner).pk, "start", owner)

    mailing = await sync_to_async(launch)()
    with SmtpServer(by_address={"r1@example.com": [drop_after_dot(times=1)]}) as server:
        site(server)
        await send()
        assert await sync_to_async(counted)(mailing) == {"sent": 2, "uncertain": 1}
        assert await sync_to_async(choose)(mailing, "resend", owner) == 1
        await send()
    first, second = (mail for mail in server.accepted if mail.rcpt_to == "r1@example.com")
    assert first.content == second.content
    assert first.message_id == second.message_id
    attempts = Attempt.objects.filter(delivery__email="r1@example.com").order_by("number")
    assert [(a.number, a.status) async for a in attempts] == [(1, "uncertain"), (2, "success")]
    assert [delivery.email async for delivery in perhaps_twice(mailing.pk)] == ["r1@example.com"]
    await mailing.arefresh_from_db()
    assert mailing.status == "completed"


@pytest.mark.django_db
@pytest.mark.parametrize("outcome", [REFUSED, UNCERTAIN, DEFERRED])
def test_no_second_copy_no_flag(mailing: Mailing, outcome: Outcome) -> None:
    worker = a_worker()
    record(worker, [result(claim, outcome) for claim in claimed(worker)])
    assert not perhaps_twice(mailing.pk).exists()


@pytest.mark.django_db
def test_a_first_copy_known_to_have_failed_is_no_flag(mailing: Mailing) -> None:
    worker = a_worker()
    record(worker, [result(claim, ACCEPTED) for claim in claimed(worker)])
    assert perhaps_twice(mailing.pk).count() == 1
    Attempt.objects.filter(number=1, status="uncertain").update(status="success", resolved_at=db_now())
    assert perhaps_twice(mailing.pk).count() == 1
    Attempt.objects.filter(delivery__email="r0@example.com", number=1).update(status="failure")
    assert not perhaps_twice(mailing.pk).exists()


@pytest.mark.django_db
def test_cancelled_before_it_was_resent_it_is_uncertain_again(mailing: Mailing, owner: User) -> None:
    change_status(mailing.pk, "cancel", owner)
    assert first_state(mailing) == "uncertain"
    assert counted(mailing) == {"uncertain": 1, "cancelled": 2} == really_counted(mailing)


@pytest.mark.django_db
def test_expired_before_it_was_resent_it_is_uncertain_again(mailing: Mailing) -> None:
    with shifted(timedelta(hours=2)):
        run_schedule()
    assert counted(mailing) == {"uncertain": 1, "expired": 2} == really_counted(mailing)


@pytest.mark.django_db
@pytest.mark.parametrize("outcome", [WITHHELD, LOST, DEFERRED])
def test_released_or_deferred_after_a_cancel_it_is_uncertain_again(
    mailing: Mailing, owner: User, outcome: Outcome
) -> None:
    worker = a_worker()
    claims = claimed(worker)
    change_status(mailing.pk, "cancel", owner)
    recorded = record(worker, [result(claim, outcome) for claim in claims])
    assert first_state(mailing) == "uncertain"
    assert counted(mailing) == {"uncertain": 1, "cancelled": 2} == really_counted(mailing)
    assert recorded.states == {"uncertain": 1, "cancelled": 2}


@pytest.mark.django_db
def test_a_deferred_one_that_was_never_in_doubt_just_expires(owner: User) -> None:
    make_crowd(owner, 1)
    mailing = change_status(make_mailing(owner).pk, "start", owner)
    worker = a_worker()
    record(worker, [result(claim, REFUSED) for claim in claimed(worker)])
    choose(mailing, "retry_failed", owner)
    claims = claimed(worker)
    with shifted(timedelta(hours=2)):
        record(worker, [result(claim, DEFERRED) for claim in claims])
    assert states(mailing) == {"r0@example.com": "expired"}


@pytest.mark.django_db
def test_what_was_retried_or_resent_keeps_its_identity(mailing: Mailing) -> None:
    before = Delivery.objects.get(email="r0@example.com")
    (claim,) = (c for c in claimed(a_worker()) if c.delivery_id == before.pk)
    assert (claim.number, claim.message_id, claim.date) == (2, before.message_id, before.dated_at)
