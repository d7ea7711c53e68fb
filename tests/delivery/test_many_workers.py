"""Several `send_mailings --watch` over one database: the work is shared, nobody waits behind a crowd, limits hold."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import Popen

import pytest
from django.db import connection

from core.models import User
from mailer.delivery.transitions import change_status
from mailer.models import Attempt, Delivery, Mailing, Worker
from mailer.rates import Rate
from mailer.throttling import set_rate
from tests.support.engine import accepted_by, sending_process
from tests.support.mailings import counted, make_crowd, make_mailing, make_recipients, really_counted
from tests.support.pace import most_within
from tests.support.smtp_server import SmtpServer, slow

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("pipelining"),
    pytest.mark.skipif(connection.vendor == "sqlite", reason="many workers are PostgreSQL's: SQLite has one writer"),
]

CONNECTIONS = 5


@contextmanager
def watching(folder: Path, server: SmtpServer, n: int) -> Iterator[list[Popen[str]]]:
    """So many senders, once all have come; they end with the block."""
    with ExitStack() as stack:
        words = ("--watch", "--concurrency", str(CONNECTIONS))
        senders = [stack.enter_context(sending_process(folder, server, *words)) for _ in range(n)]
        for sender in senders:
            stack.callback(sender.kill)
        until(lambda: Worker.objects.count() == n)
        yield senders
        for sender in senders:
            sender.terminate()
            sender.communicate(timeout=60)


def until(condition: object, most: float = 120.0) -> None:
    deadline = time.monotonic() + most
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_over(mailing: Mailing) -> bool:
    return Mailing.objects.get(pk=mailing.pk).status == Mailing.Status.COMPLETED


def started(owner: User) -> Mailing:
    return change_status(make_mailing(owner).pk, "start", owner)


def test_a_mailing_of_ten_does_not_wait_behind_a_large_one(owner: User, stranger: User, tmp_path: Path) -> None:
    make_crowd(owner, 4000)
    make_recipients(stranger, *(f"ten{n}@example.com" for n in range(10)))
    with SmtpServer(slow(0.05)) as server, watching(tmp_path, server, 3):
        large = started(owner)
        until(lambda: len(server.accepted) > 100)
        small = started(stranger)
        begun = len(server.accepted)
        until(lambda: sum(mail.rcpt_to.startswith("ten") for mail in server.accepted) == 10)
        until(lambda: is_over(small))
        assert not is_over(large)
        assert counted(small) == {"sent": 10}
        tens = [n for n, mail in enumerate(server.accepted) if mail.rcpt_to.startswith("ten")]
    assert tens[-1] - begun < 1000  # of nearly four thousand that were before them


def test_they_share_the_work_and_mail_everybody_once(owner: User, tmp_path: Path) -> None:
    """One that comes two seconds late, on a busy machine, gets its part of the other three seconds."""
    make_crowd(owner, 1500)
    with SmtpServer(slow(0.05)) as server, watching(tmp_path, server, 3):
        mailing = started(owner)
        until(lambda: is_over(mailing))
    assert set(accepted_by(server).values()) == {1}
    assert counted(mailing) == {"sent": 1500} == really_counted(mailing)
    by_worker = Counter(dict(mailing.attempt_counts.values_list("worker", "n")))
    assert len(by_worker) == 3
    assert min(by_worker.values()) > 60


def test_a_limit_holds_when_one_of_them_is_killed(owner: User, tmp_path: Path) -> None:
    """What the dead one had in its hands comes back by its journal, and goes at the same rate as all else."""
    make_crowd(owner, 500)
    with SmtpServer() as server, watching(tmp_path, server, 3) as senders:
        mailing = make_mailing(owner)
        set_rate(owner, Rate(60, 1), mailing)
        change_status(mailing.pk, "start", owner)
        until(lambda: len(server.accepted) > 60)
        busiest = Delivery.objects.filter(state="sending").values_list("worker", flat=True).first()
        senders.pop((busiest or 1) % 3).kill()
        until(lambda: is_over(mailing))
    times = [mail.at for mail in server.accepted]
    for span in (0.1, 1.0, 3.0):
        assert most_within(span, times) <= 60 * (span + 1) + 3 * CONNECTIONS
    sent, uncertain = counted(mailing).get("sent", 0), counted(mailing).get("uncertain", 0)
    assert sent + uncertain == 500
    assert uncertain <= CONNECTIONS
    assert set(accepted_by(server).values()) == {1}
    assert Attempt.objects.count() == 500
