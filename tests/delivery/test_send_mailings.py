"""`manage.py send_mailings` as people run it: a process of its own, its words and its exit status."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from core.clock import db_now
from core.models import User
from mailer.delivery.audit import audit_mailing
from mailer.delivery.gate import TRUSTED_FOR
from mailer.delivery.transitions import change_status
from mailer.models import Attempt, Delivery, Mailing, Worker
from mailer.rates import Rate
from mailer.throttling import set_rate
from tests.support.engine import accepted_by, sending_process
from tests.support.freezing import freeze_between_transactions
from tests.support.mailings import counted, make_crowd, make_mailing, really_counted, states
from tests.support.smtp_server import SmtpServer, drop_after_dot, greylist, refuse_sender, slow
from tests.support.sweeping import sweep_after_long_silence

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("pipelining")]

IN_HAND = 5  # as many as it has connections


def launched(owner: User, n: int) -> Mailing:
    make_crowd(owner, n)
    return change_status(make_mailing(owner).pk, "start", owner)


def ran(data_dir: Path, server: SmtpServer, *words: str, **variables: str) -> tuple[int, str, str]:
    """The command's exit status, what it said and what it complained of."""
    with sending_process(data_dir, server, *words, **variables) as process:
        said, complained = process.communicate(timeout=120)
    return process.returncode, said, complained


def test_it_sends_what_is_active_and_exits_with_nothing_due(owner: User, tmp_path: Path) -> None:
    scheduled = make_mailing(owner)
    draft = make_mailing(owner)
    make_crowd(owner, 30)
    change_status(scheduled.pk, "schedule", owner)
    with SmtpServer() as server:
        status, said, _complained = ran(tmp_path, server, "--concurrency", "20")
    assert (status, said) == (0, "30 sent\n")
    assert Mailing.objects.get(pk=scheduled.pk).status == "completed"
    assert Mailing.objects.get(pk=draft.pk).status == "draft"
    assert counted(scheduled) == {"sent": 30}


def test_it_sends_a_draft_when_it_is_named(owner: User, tmp_path: Path) -> None:
    make_crowd(owner, 3)
    draft = make_mailing(owner)
    with SmtpServer() as server:
        status, said, _complained = ran(tmp_path, server, "--mailing", str(draft.pk), "--json")
    assert status == 0
    assert json.loads(said)["deliveries"] == {"sent": 3}


def test_it_says_how_many_wait_and_until_when(owner: User, tmp_path: Path) -> None:
    launched(owner, 2)
    with SmtpServer(greylist()) as server:
        status, said, _complained = ran(tmp_path, server)
    assert status == 0
    assert "2 deferred" in said
    assert "2 wait for another try, the first at" in said


def test_it_waits_for_retries_when_asked_to(owner: User, tmp_path: Path) -> None:
    mailing = launched(owner, 2)
    with SmtpServer(greylist()) as server, sending_process(tmp_path, server, "--wait") as process:
        wait_until(lambda: Delivery.objects.filter(state="deferred").count() == 2)
        Delivery.objects.update(next_attempt_at=db_now() - timedelta(seconds=1))
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert counted(mailing) == {"sent": 2}


def test_it_exits_with_2_when_an_error_paused_a_mailing(owner: User, tmp_path: Path) -> None:
    mailing = launched(owner, 2)
    with SmtpServer(refuse_sender(550, "5.7.1 Not you")) as server:
        status, said, _complained = ran(tmp_path, server)
    assert status == 2
    assert f"Mailing {mailing.pk} is paused" in said
    assert "Not you" in said


def test_it_exits_with_2_without_a_server_and_says_why(owner: User, tmp_path: Path) -> None:
    launched(owner, 2)
    with SmtpServer() as server:
        status, said, _complained = ran(tmp_path, server, EMAIL_HOST="")
    assert status == 2
    assert "EMAIL_HOST is empty" in said
    assert not Attempt.objects.exists()


def test_it_exits_with_3_when_something_is_uncertain(owner: User, tmp_path: Path) -> None:
    launched(owner, 2)
    with SmtpServer(drop_after_dot(times=1)) as server:
        status, said, _complained = ran(tmp_path, server)
    assert status == 3
    assert "1 uncertain" in said


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--mailing", "999"], "no mailing 999"),
        (["--mailing", "x"], "--mailing: takes a number"),
        (["--concurrency", "0"], "--concurrency: takes a whole number from 1 to 1000"),
        (["--concurrency", "1001"], "--concurrency: takes a whole number from 1 to 1000"),
        (["--watch", "--wait"], "--watch"),
    ],
)
def test_it_refuses_what_makes_no_sense(db: None, words: list[str], complaint: str) -> None:
    with pytest.raises(CommandError, match=complaint):
        call_command("send_mailings", *words)


def test_it_says_why_a_mailing_cannot_be_sent_now(owner: User) -> None:
    make_crowd(owner, 1)
    mailing = launched(owner, 0)
    change_status(mailing.pk, "cancel", owner)
    with pytest.raises(CommandError, match="cancelled"):
        call_command("send_mailings", "--mailing", str(mailing.pk))


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_a_watching_one_drains_when_told_to_stop(owner: User, tmp_path: Path, signal_number: int) -> None:
    mailing = launched(owner, 1500)
    with SmtpServer(slow(0.02)) as server:
        with sending_process(tmp_path, server, "--watch", "--concurrency", "5") as process:
            wait_until(lambda: len(server.accepted) > 20)
            process.send_signal(signal_number)
            process.communicate(timeout=60)
        assert process.returncode == 0
        agrees(mailing, server)
    assert set(counted(mailing)) == {"sent", "queued"}


def test_a_killed_one_loses_nothing_and_repeats_nothing(owner: User, tmp_path: Path) -> None:
    mailing = launched(owner, 400)
    log = tmp_path / "accepted.log"
    with SmtpServer(slow(0.01), log=log) as server:
        for kill_after in (30, 120, 200):
            with sending_process(tmp_path, server, "--watch", "--concurrency", "10") as process:
                wait_until(lambda least=kill_after: len(server.accepted) >= least)  # type: ignore[misc]
                process.kill()
        status, _said, _complained = ran(tmp_path, server, "--concurrency", "10", "--wait")
        assert status in (0, 3)
        taken = accepted_by(server)
        by_state = states(mailing)
        assert max(taken.values()) == 1
        assert {email for email, state in by_state.items() if state == "sent"} <= set(taken)
        assert {email for email in taken if by_state[email] not in ("sent", "uncertain")} == set()
    assert set(by_state.values()) <= {"sent", "uncertain"}
    assert list(by_state.values()).count("uncertain") <= 3 * 10
    assert counted(mailing) == really_counted(mailing)


def test_one_of_several_is_killed_and_the_others_send_the_rest_once(owner: User, tmp_path: Path) -> None:
    with SmtpServer(slow(0.02)) as server, ExitStack() as running:
        processes = [
            running.enter_context(sending_process(tmp_path, server, "--watch", "--concurrency", "5"))
            for _process in range(3)
        ]
        for process in processes:
            running.enter_context(ended_at_last(process))
        wait_until(lambda: Worker.objects.count() >= 3)  # one that starts late would find nothing left to do
        mailing = launched(owner, 1500)
        at_work = 3 if connection.vendor == "postgresql" else 1  # SQLite has one writer, and shares less evenly
        wait_until(lambda: Worker.objects.filter(deliveries__state="sending").distinct().count() >= at_work)
        wait_until(lambda: Delivery.objects.filter(state="sent").values("pk").count() > 40)
        processes[0].kill()
        wait_until(lambda: Mailing.objects.filter(pk=mailing.pk, status="completed").exists())
        for process in processes[1:]:
            process.terminate()
        taken = accepted_by(server)
    assert max(taken.values()) == 1
    by_state = states(mailing)
    assert set(by_state.values()) <= {"sent", "uncertain"}
    assert list(by_state.values()).count("uncertain") <= 5
    assert {email for email in taken if by_state[email] not in ("sent", "uncertain")} == set()
    assert [check for check in audit_mailing(mailing.pk) if not check.ok] == []


@contextmanager
def ended_at_last(process: Popen[str]) -> Iterator[None]:
    """Whatever a test finds, and even if the process is stopped."""
    try:
        yield
    except BaseException:
        process.kill()
        raise


def test_one_that_was_stopped_and_given_up_hands_nothing_over_when_it_wakes_up(owner: User, tmp_path: Path) -> None:
    mailing = launched(owner, 500)
    with (
        SmtpServer(slow(0.02)) as server,
        sending_process(tmp_path, server, "--watch", "--concurrency", "5") as process,
        ended_at_last(process),
    ):
        wait_until(lambda: len(server.accepted) > 20)
        freeze_with_mails_in_hand(process)
        sweep_after_long_silence(tmp_path / "journal", socket.gethostname())
        given_up = Delivery.objects.filter(state="uncertain").count()
        assert given_up >= IN_HAND
        time.sleep(TRUSTED_FOR + 0.1)  # what it saw last must be old, as after any real sleep
        woken_at = time.time()
        process.send_signal(signal.SIGCONT)
        # It says what it knows of them, and comes back as another worker, to whom they are as good as any.
        wait_until(lambda: Mailing.objects.filter(pk=mailing.pk, status="completed").exists())
        process.terminate()
        agrees(mailing, server)
    told = Attempt.objects.exclude(evidence="")
    assert told.count() == given_up
    sent_before = set(told.filter(status="success").values_list("delivery__email", flat=True))
    assert [mail for mail in server.accepted if mail.rcpt_to in sent_before and mail.at > woken_at] == []
    assert counted(mailing) == {"sent": 500}
    assert [check for check in audit_mailing(mailing.pk) if not check.ok] == []


def freeze_with_mails_in_hand(process: Popen[str]) -> None:
    """Not right after it has recorded all that it had, and before it claims more."""
    freeze_between_transactions(process)
    while Delivery.objects.filter(state="sending").count() < IN_HAND:
        process.send_signal(signal.SIGCONT)
        time.sleep(0.01)
        freeze_between_transactions(process)


def test_the_console_backend_prints_the_mail(owner: User, tmp_path: Path) -> None:
    launched(owner, 1)
    with SmtpServer() as server:
        backend = "django.core.mail.backends.console.EmailBackend"
        status, said, _complained = ran(tmp_path, server, EMAIL_BACKEND=backend)
    assert status == 0
    assert "To: Person 0 <r0@example.com>" in said
    assert Attempt.objects.get().server_response == f"Taken by {backend}, which gives no reply"


def agrees(mailing: Mailing, server: SmtpServer) -> None:
    taken = accepted_by(server)
    assert max(taken.values()) == 1
    assert set(taken) == {email for email, state in states(mailing).items() if state == "sent"}
    assert counted(mailing) == really_counted(mailing)


def wait_until(condition: Callable[[], Any], most: float = 120.0) -> None:
    deadline = time.monotonic() + most
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_it_says_how_long_a_limit_makes_it_take(owner: User, tmp_path: Path) -> None:
    mailing = launched(owner, 40)
    set_rate(owner, Rate(40, 1), mailing)
    set_rate(owner, Rate(1200, 60), None)
    with SmtpServer() as server:
        status, said, complained = ran(tmp_path, server)
    assert (status, said) == (0, "40 sent\n")
    assert "All mailings go at 1,200 per minute at most: 40 queued take 2 s." in complained
    assert f"Mailing {mailing.pk} goes at 40 per second at most: 40 queued take 1 s." in complained
