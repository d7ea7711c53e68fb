from __future__ import annotations

import pytest

from core.models import User
from mailer.delivery.ledger import Recorded, record
from mailer.delivery.outcome import Outcome, Phase, Reply, classify_reply
from mailer.delivery.transitions import change_status
from mailer.models import Mailing
from mailer.reasons import REFUSED_TOO_OFTEN
from tests.support.mailings import make_crowd, make_mailing
from tests.support.results import ACCEPTED, REJECTED, a_worker, claimed, result

pytestmark = pytest.mark.django_db

SPAM = classify_reply(Phase.BODY, Reply(554, "5.7.1 Message identified as spam"))
NO_ACCESS = classify_reply(Phase.RCPT, Reply(554, "5.7.1 <ann@example.com>: Recipient address rejected: Access denied"))


@pytest.fixture
def mailing(owner: User) -> Mailing:
    make_crowd(owner, 30)
    return change_status(make_mailing(owner).pk, "start", owner)


def recorded(outcomes: list[Outcome]) -> Recorded:
    worker = a_worker()
    claims = claimed(worker, len(outcomes))
    return record(worker, [result(claim, outcome) for claim, outcome in zip(claims, outcomes, strict=True)])


def test_a_mail_that_is_refused_as_spam_again_and_again_pauses(mailing: Mailing) -> None:
    assert not recorded([SPAM, ACCEPTED] * 9).to_pause
    reason = recorded([SPAM] * 2).to_pause[mailing.pk]
    assert (reason.code, reason.words) == (REFUSED_TOO_OFTEN, "554 5.7.1 Message identified as spam")


@pytest.mark.parametrize("outcome", [REJECTED, NO_ACCESS])
def test_many_bad_addresses_do_not(mailing: Mailing, outcome: Outcome) -> None:
    assert not recorded([outcome] * 20).to_pause
    assert not recorded([SPAM]).to_pause
