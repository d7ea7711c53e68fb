"""Senders killed at random instants, by a server that defers some and loses some replies."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from mailer.models import Decision, Delivery, Mailing
from tests.chaos.support.accept_log import AcceptLog
from tests.chaos.support.compare import compare
from tests.chaos.support.report import Report
from tests.chaos.support.senders import Senders, kill, let_time_pass
from tests.chaos.support.sink import Plan, Sink
from tests.chaos.support.sizes import SEED, Sizes
from tests.support.choices import choose

pytestmark = pytest.mark.django_db(transaction=True)

CONNECTIONS = 20
STARTING = 2.0  # seconds that a process takes at most to come to its first mail


def test_killed_at_random_nothing_is_lost_doubled_or_untracked(
    launched: Callable[[int], Mailing],
    log: AcceptLog,
    tmp_path: Path,
    dice: random.Random,
    sizes: Sizes,
    report: Report,
    pipelining: bool,
) -> None:
    mails, kills = (sizes.mails, sizes.kills) if pipelining else (sizes.mails_one_by_one, sizes.kills_one_by_one)
    mailing = launched(mails)
    plan = Plan(SEED, deferred=0.05, lost=0.01, pace=0.03)
    with Sink(log.path, plan) as sink, Senders(tmp_path, sink.port, CONNECTIONS) as senders:
        for instant in sorted(dice.sample(range(1, int(0.9 * mails)), kills)):
            process = senders.watch()
            if dice.random() < 0.2:
                live_for(process, dice.uniform(0, STARTING))  # it may be sweeping, or not have begun
            else:
                log.wait_for(max(instant, log.look() + 1))
            kill(process)
            let_time_pass(mailing)
        senders.finish(mailing)

    found = compare(mailing, log)
    bound = kills * CONNECTIONS + log.lost_replies
    report.add(f"{kills} kills, held", found, bound, f"{log.lost_replies} replies lost")
    found.assert_clean()
    assert found.uncertain <= bound

    resent = set(mailing.deliveries.filter(state=Delivery.State.UNCERTAIN).values_list("pk", flat=True))
    assert choose(mailing, Decision.Choice.RESEND, mailing.owner) == len(resent)
    with Sink(log.path, Plan(SEED, pace=0.05)) as sink, Senders(tmp_path, sink.port, CONNECTIONS) as senders:
        process = senders.watch()
        log.wait_for(log.look() + len(resent) // 2)
        kill(process)
        senders.finish(mailing)

    found = compare(mailing, log, resent)
    words = f"{found.flagged} second copies flagged, {len(found.unflagged)} not; same Message-ID"
    report.add("… then resent", found, CONNECTIONS, words)
    found.assert_clean()
    assert found.uncertain <= CONNECTIONS
    assert 0 < found.flagged <= len(resent)


def live_for(process: subprocess.Popen[bytes], seconds: float) -> None:
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
