"""A list that is suppressed while a sender records results of the same deliveries, in another order."""

from __future__ import annotations

import pytest

from core.models import User
from mailer.consent import Ground, suppress
from mailer.delivery.transitions import change_status
from tests.support.mailings import counted, make_mailing, make_recipients, really_counted, states
from tests.support.waiting import deadlocked_with, lock_delivery, with_many_writers

pytestmark = [pytest.mark.django_db(transaction=True), with_many_writers]

ANA, BEN = "ana@example.com", "ben@example.com"


def test_it_is_done_again_where_the_two_have_waited_for_one_another(owner: User) -> None:
    make_recipients(owner, ANA, BEN)
    mailing = change_status(make_mailing(owner).pk, "start", owner)
    first, last = mailing.deliveries.order_by("pk").values_list("pk", flat=True)
    # As a recorder might, which takes them in any order.
    with deadlocked_with(lambda: lock_delivery(last), then=lambda: lock_delivery(first)):
        assert suppress(Ground(owner.pk, "manual"), [ANA, BEN]) == 2
    assert states(mailing) == {ANA: "skipped", BEN: "skipped"}
    assert counted(mailing) == {"skipped": 2} == really_counted(mailing)
