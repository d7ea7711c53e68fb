"""Killed at a named place, with one connection, so that what is left behind can be told exactly."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync

from mailer.delivery.engine import Until
from mailer.delivery.failpoints import NAMES, armed_by
from mailer.delivery.materialise import FIRST_CHUNK
from mailer.models import Delivery, Mailing
from tests.chaos.support.accept_log import AcceptLog
from tests.chaos.support.compare import compare
from tests.chaos.support.report import Report
from tests.chaos.support.senders import Senders, wait_until
from tests.chaos.support.sink import LoggingServer, Plan
from tests.chaos.support.sizes import IS_SQLITE, once_in_short
from tests.support.engine import send
from tests.support.mailings import states
from tests.support.smtp_server import Behaviour, SmtpServer, silent_at, slow

MAILS = 8
IN_HAND = 2  # of one connection, with what rides


@dataclass(frozen=True)
class Case:
    """Kill at the place, `name:n`. Then the server has taken so many, and so many will be uncertain: no more, no less.

    When it comes to recipient `stall_at` the server falls silent, once: the sender can't be further than that.
    `after` is where a process before this one was killed; with `stopping` it is told to stop when `taken` have been.
    """

    kill_at: str
    taken: int
    uncertain: int = 0
    stall_at: int | None = None
    after: str = ""
    stopping: bool = False
    mails: int = MAILS

    @property
    def name(self) -> str:
        return self.kill_at.partition(":")[0]


CASES = [
    Case("materialise.before_commit", taken=0, mails=FIRST_CHUNK + 5),
    Case("claim.before_commit", taken=0),
    Case("claim.after_commit", taken=0),
    Case("journal.before_handing_over:4", taken=3),
    Case("journal.after_handing_over:4", taken=3, uncertain=1),
    Case("dot.written:4", taken=4, uncertain=1),
    Case("journal.before_reply:4", taken=4, uncertain=1),
    Case("journal.after_reply:4", taken=4),
    Case("ledger.before_commit", taken=1, stall_at=1),
    Case("ledger.after_commit", taken=1, stall_at=1),
    Case("journal.before_unlink", taken=MAILS),
    Case("release", taken=1, stopping=True),
    Case("sweep.before_record", taken=4, uncertain=1, after="dot.written:4"),
    Case("sweep.after_record", taken=4, uncertain=1, after="dot.written:4"),
]


def marks(case: Case) -> list[pytest.MarkDecorator]:
    """SQLite differs in its transactions alone."""
    return [] if case.name.endswith("_commit") else [once_in_short]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("case", [pytest.param(case, id=case.name, marks=marks(case)) for case in CASES])
def test_killed_at_a_named_place(
    case: Case,
    launched: Callable[[int], Mailing],
    log: AcceptLog,
    tmp_path: Path,
    site: Callable[[SmtpServer], None],
    report: Report,
    pipelining: bool,
) -> None:
    if IS_SQLITE and not pipelining:
        pytest.skip("One by one it is tried with PostgreSQL.")
    mailing = launched(case.mails)
    taken = case.taken + (case.stopping and pipelining)  # what rides behind the last one goes too
    with LoggingServer(log.path, Plan(), behaviours_of(case)) as server:
        with Senders(tmp_path, server.port, concurrency=1) as senders:
            if case.after:
                killed_at(case.after, senders)
            killed_at(case.kill_at, senders, log if case.stopping else None, case.taken)
        log.wait_for(taken)
        assert log.look() == taken
        server.by_address = {}
        site(server)
        async_to_sync(send)(Until.ALL_CLOSED)
    found = compare(mailing, log)
    report.add(f"killed at {case.name}", found, case.uncertain, f"{taken} taken before")
    found.assert_clean()
    ended = Counter({"sent": case.mails - case.uncertain, "uncertain": case.uncertain})
    assert Counter(states(mailing).values()) == +ended


def behaviours_of(case: Case) -> dict[str, list[Behaviour]]:
    behaviours = {f"r{case.stall_at}@example.com": [silent_at("rcpt", times=1)]} if case.stall_at else {}
    if case.stopping:  # the signal arrives before the reply to the last mail that is to go
        behaviours[f"r{case.taken - 1}@example.com"] = [slow(3.0, times=1)]
    return behaviours


def killed_at(place: str, senders: Senders, stopping: AcceptLog | None = None, taken: int = 0) -> None:
    process = senders.start("--wait", FAILPOINT=place)
    if stopping:
        stopping.wait_for(taken)
        wait_until(lambda: Delivery.objects.filter(state="sending").count() > IN_HAND)  # there is more to release
        process.terminate()
    assert process.wait(60) == -signal.SIGKILL, senders.said


def test_every_place_has_its_case() -> None:
    assert sorted(case.name for case in CASES) == sorted(NAMES)
    assert len(NAMES) == 14


def test_it_is_off_unless_asked_for() -> None:
    assert armed_by("") is None


def test_it_knows_its_places() -> None:
    with pytest.raises(ValueError, match="nowhere"):
        armed_by("nowhere:3")
