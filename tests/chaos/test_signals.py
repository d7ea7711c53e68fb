"""Senders told to stop, stopped past their lease, and killed beside others."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection

from mailer.delivery.evidence import NOT_HANDED_OVER
from mailer.models import Delivery, Mailing, Worker
from tests.chaos.support.accept_log import AcceptLog
from tests.chaos.support.compare import compare
from tests.chaos.support.report import Report
from tests.chaos.support.senders import Senders, kill, let_time_pass, terminate, wait_until
from tests.chaos.support.sink import Plan, Sink
from tests.chaos.support.sizes import SEED, Sizes, full_only, once_in_short
from tests.support.freezing import freeze, freeze_between_transactions

pytestmark = pytest.mark.django_db(transaction=True)

CONNECTIONS = 10
SHORT_LEASE = ("-m", "tests.chaos.support.short_lease")


def test_told_to_stop_under_load_nothing_is_uncertain(
    launched: Callable[[int], Mailing],
    log: AcceptLog,
    tmp_path: Path,
    dice: random.Random,
    sizes: Sizes,
    report: Report,
) -> None:
    n = sizes.terminations * 100
    mailing = launched(n)
    took = []
    plan = Plan(SEED, deferred=0.05, pace=0.05)
    with Sink(log.path, plan) as sink, Senders(tmp_path, sink.port, CONNECTIONS) as senders:
        for instant in sorted(dice.sample(range(1, int(0.9 * n)), sizes.terminations)):
            process = senders.watch()
            log.wait_for(max(instant, log.look() + 1))
            took.append(terminate(process))
            let_time_pass(mailing)
        senders.finish(mailing)
    found = compare(mailing, log)
    report.add(f"{sizes.terminations} SIGTERMs", found, 0, f"ended within {max(took):.1f} s")
    found.assert_clean()
    assert found.uncertain == 0


@once_in_short
def test_stopped_past_its_lease_it_hands_nothing_more_over(
    launched: Callable[[int], Mailing], log: AcceptLog, tmp_path: Path, sizes: Sizes, report: Report
) -> None:
    mailing = launched(sizes.crowd)
    with (
        Sink(log.path, Plan(SEED, pace=0.05)) as sink,
        Senders(tmp_path, sink.port, CONNECTIONS, program=SHORT_LEASE) as senders,
    ):
        sleeper = senders.watch()
        log.wait_for(sizes.crowd // 6)
        if connection.vendor == "sqlite":
            freeze_between_transactions(sleeper)  # within one it would keep everybody from writing
        else:
            freeze(sleeper)
        frozen = Worker.objects.get()
        senders.watch()
        wait_until(lambda: is_swept(frozen))
        uncertain = Delivery.objects.filter(mailing=mailing, state=Delivery.State.UNCERTAIN)
        swept = set(uncertain.values_list("email", flat=True))
        log.look()
        taken = swept & log.accepted.keys()  # had been on the wire, or replied to and not recorded yet
        sleeper.send_signal(signal.SIGCONT)
        wait_until(lambda: "starts again" in senders.said)  # it has told what became of its mail, and begins anew
        wait_until(lambda: Mailing.objects.get(pk=mailing.pk).status == Mailing.Status.COMPLETED)
    found = compare(mailing, log)
    told = Delivery.objects.filter(mailing=mailing, attempts__server_response=NOT_HANDED_OVER)
    sent_by_others = set(told.values_list("email", flat=True))
    after = (swept & log.accepted.keys()) - taken - sent_by_others
    words = f"{len(taken)} of them taken before, {len(after)} after it woke"
    report.add("SIGSTOP past the lease", found, len(swept), words)
    found.assert_clean()
    assert found.uncertain <= len(swept)
    # Frozen between its last look at the gate and the next instruction, it may send that one mail; it stays uncertain.
    assert len(after) <= 1


def is_swept(worker: Worker) -> bool:
    if Worker.objects.get(pk=worker.pk).swept_at is None:
        return False
    return not Delivery.objects.filter(worker=worker.pk, state=Delivery.State.SENDING).exists()


@full_only
def test_killed_beside_others_its_mail_is_sent_by_them(
    launched: Callable[[int], Mailing], log: AcceptLog, tmp_path: Path, sizes: Sizes, report: Report
) -> None:
    mailing = launched(sizes.crowd)
    with Sink(log.path, Plan(SEED, pace=0.05)) as sink, Senders(tmp_path, sink.port, CONNECTIONS) as senders:
        first, *_others = [senders.watch() for _sender in range(3)]
        log.wait_for(sizes.crowd // 4)
        kill(first)
        wait_until(lambda: Mailing.objects.get(pk=mailing.pk).status == Mailing.Status.COMPLETED)
    found = compare(mailing, log)
    report.add("1 of 3 senders killed", found, CONNECTIONS)
    found.assert_clean()
    assert found.uncertain <= CONNECTIONS
