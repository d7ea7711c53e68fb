"""Batches with a row that the database refuses."""

from __future__ import annotations

import os

import pytest
from django.db import IntegrityError

from core.models import User
from mailer.delivery.audit import audit_mailing
from mailer.delivery.lease import register_worker
from mailer.delivery.outcome import Phase, Reply, classify_reply
from mailer.delivery.salvage import NOT_STORED, record_all
from mailer.delivery.transitions import change_status
from mailer.models import Attempt, Mailing
from tests.support.mailings import counted, make_crowd, make_mailing
from tests.support.results import ACCEPTED, DEFERRED, REJECTED, claimed, result

pytestmark = pytest.mark.django_db

needs_postgres = pytest.mark.skipif(os.environ.get("TEST_DB") == "sqlite", reason="SQLite stores whatever it gets.")


@pytest.fixture
def mailing(owner: User) -> Mailing:
    make_crowd(owner, 9)
    return change_status(make_mailing(owner).pk, "start", owner)


@needs_postgres
@pytest.mark.parametrize(
    "bad",
    [{"server_response": "a\0b"}, {"enhanced_code": "5." + "1" * 20}, {"reply_code": 99_999}],
    ids=["a NUL", "too long", "too large"],
)
def test_the_others_are_recorded_as_they_were_and_the_bad_one_without_words(
    mailing: Mailing, bad: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    worker = register_worker("host", "boot")
    outcomes = [ACCEPTED, REJECTED, DEFERRED, *[ACCEPTED] * 6]
    outcomes[6] = ACCEPTED._replace(**bad)  # type: ignore[arg-type]
    results = [result(claim, outcome) for claim, outcome in zip(claimed(worker), outcomes, strict=True)]
    recorded = record_all(worker, results)
    assert recorded.states == {"sent": 7, "failed": 1, "deferred": 1}
    assert recorded.mailing_ids == {mailing.pk}
    assert counted(mailing) == {"sent": 7, "failed": 1, "deferred": 1}
    words = Attempt.objects.order_by("delivery_id").values_list("server_response", flat=True)
    assert list(words)[6] == NOT_STORED
    assert NOT_STORED not in [*words[:6], *words[7:]]
    assert "recorded without words" in caplog.text
    assert [check.name for check in audit_mailing(mailing.pk) if not check.ok] == []


@needs_postgres
def test_what_is_refused_even_so_is_a_bug(mailing: Mailing) -> None:
    worker = register_worker("host", "boot")
    endless = result(claimed(worker)[0], ACCEPTED)._replace(finished_at=None)  # type: ignore[arg-type]
    with pytest.raises(IntegrityError):
        record_all(worker, [endless])


def test_a_nul_in_a_servers_words_is_none_in_the_ledger(mailing: Mailing) -> None:
    worker = register_worker("host", "boot")
    said = classify_reply(Phase.BODY, Reply(250, "2.0.0 O\0k\x1b[31m \ud800"))
    record_all(worker, [result(claimed(worker)[0], said)])
    assert Attempt.objects.get().server_response == "2.0.0 O k [31m"


def test_a_batch_is_recorded_once_however_often_it_comes(mailing: Mailing) -> None:
    worker = register_worker("host", "boot")
    results = [result(claim, ACCEPTED) for claim in claimed(worker)]
    for _again in range(3):
        record_all(worker, results)
    assert counted(mailing) == {"sent": 9}
    assert Attempt.objects.count() == 9
