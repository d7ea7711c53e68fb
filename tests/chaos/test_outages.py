"""The database, Redis and the mail server go away in mid-mailing, and come back."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailer.models import Attempt, Mailing
from mailer.rates import SECOND, Rate
from mailer.throttling import set_rate
from tests.chaos.support.accept_log import AcceptLog
from tests.chaos.support.compare import compare
from tests.chaos.support.lasting import OwnPostgres, OwnRedis, on_postgres_of_its_own
from tests.chaos.support.proxy import Proxy
from tests.chaos.support.report import Report
from tests.chaos.support.senders import Senders, let_time_pass, terminate, wait_until
from tests.chaos.support.sink import Plan, Sink
from tests.chaos.support.sizes import SEED, Sizes, full_only, once

pytestmark = pytest.mark.django_db(transaction=True)

CONNECTIONS = 10
PACE = 0.05  # seconds a mail: 200 a second over all connections
WARMING_UP = 1.5  # seconds


@pytest.fixture
def own_postgres(transactional_db: None) -> Iterator[OwnPostgres]:
    with on_postgres_of_its_own() as server:
        yield server


@once
def test_a_database_that_crashes_loses_and_doubles_nothing(
    own_postgres: OwnPostgres,
    launched: Callable[[int], Mailing],
    log: AcceptLog,
    tmp_path: Path,
    dice: random.Random,
    sizes: Sizes,
    report: Report,
) -> None:
    n = sizes.restarts * 300
    mailing = launched(n)
    without_ledger = []
    with Sink(log.path, Plan(SEED, pace=PACE)) as sink, Senders(tmp_path, sink.port, CONNECTIONS) as senders:
        process = senders.watch()
        for instant in sorted(dice.sample(range(1, int(0.8 * n)), sizes.restarts)):
            log.wait_for(max(instant, log.look() + 1))
            own_postgres.crash()
            taken = log.look()
            time.sleep(1.5)  # long enough for whatever would go out meanwhile
            without_ledger.append(log.look() - taken)
            own_postgres.start()
        wait_until(lambda: is_completed(mailing))
        terminate(process)
    found = compare(mailing, log)
    also = f"{charged(mailing)} charged, at most {max(without_ledger)} sent while it was away"
    report.add(f"{sizes.restarts} PostgreSQL crashes", found, 0, also)
    found.assert_clean()
    assert found.uncertain == 0
    assert charged(mailing) == 0
    # What the leash lets out before the ledger is heard again, and what was on the wire when the last was heard.
    assert max(without_ledger) <= 3 * CONNECTIONS


@once
def test_a_redis_that_is_frozen_and_then_gone_takes_nothing_of_the_rate(
    launched: Callable[[int], Mailing],
    log: AcceptLog,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    sizes: Sizes,
    report: Report,
) -> None:
    limit = sizes.limit
    mailing = launched(int(limit * (WARMING_UP + sizes.look + sizes.outage + sizes.look)))
    set_rate(mailing.owner, Rate(limit, SECOND), mailing)
    redis = OwnRedis(tmp_path_factory.mktemp("own-redis"))
    with (
        Sink(log.path, Plan(SEED, pace=CONNECTIONS / limit / 2)) as sink,
        Senders(tmp_path, sink.port, CONNECTIONS, {"REDIS_URL": redis.url}) as senders,
    ):
        process = senders.watch()
        log.wait_for(int(limit * WARMING_UP))
        before = rate(log, sizes.look)
        with redis.frozen():
            frozen = rate(log, sizes.outage / 2)
        with redis.gone():
            gone = rate(log, sizes.outage / 2)
        after = rate(log, sizes.look)
        wait_until(lambda: is_completed(mailing))
        terminate(process)
    redis.stop()
    found = compare(mailing, log)
    rates = f"{before:.0f}, {frozen:.0f}, {gone:.0f}, {after:.0f} of {limit} mails/s, {charged(mailing)} charged"
    report.add(f"Redis frozen, then gone, for {sizes.outage / 2:g} s each", found, 0, rates)
    found.assert_clean()
    assert found.uncertain == 0
    assert charged(mailing) == 0
    assert min(frozen, gone) >= sizes.rate_kept * min(limit, before)


@once
def test_a_mail_server_that_refuses_is_asked_seldom_and_charges_nobody(
    launched: Callable[[int], Mailing], log: AcceptLog, tmp_path: Path, sizes: Sizes, report: Report
) -> None:
    mailing = launched(3 * sizes.crowd)  # so that it is not over before the cut
    with (
        Sink(log.path, Plan(SEED, pace=PACE)) as sink,
        Proxy(sink.port) as proxy,
        Senders(tmp_path, proxy.port, CONNECTIONS) as senders,
    ):
        process = senders.watch()
        log.wait_for(sizes.crowd // 4)
        before = proxy.connections
        proxy.cut()
        time.sleep(sizes.outage)
        connects = proxy.connections - before
        proxy.mend()
        wait_until(lambda: is_completed(mailing, time_passes=True))
        terminate(process)
    found = compare(mailing, log)
    also = f"{charged(mailing)} charged, {connects} connects meanwhile"
    report.add(f"SMTP refused for {sizes.outage:g} s", found, CONNECTIONS, also)
    found.assert_clean()
    assert found.uncertain <= CONNECTIONS  # the mails whose reply the cut has swallowed
    assert charged(mailing) == 0
    assert connects <= CONNECTIONS + 10  # each may try once before the breaker opens


@full_only
@once
def test_a_slow_line_that_breaks_loses_and_doubles_nothing(
    launched: Callable[[int], Mailing],
    log: AcceptLog,
    tmp_path: Path,
    dice: random.Random,
    sizes: Sizes,
    report: Report,
) -> None:
    n = sizes.restarts * 100
    mailing = launched(n)
    with (
        Sink(log.path, Plan(SEED)) as sink,
        Proxy(sink.port, delay=0.02) as proxy,
        Senders(tmp_path, proxy.port, CONNECTIONS) as senders,
    ):
        process = senders.watch()
        for instant in sorted(dice.sample(range(1, int(0.9 * n)), sizes.restarts)):
            log.wait_for(max(instant, log.look() + 1))
            proxy.cut()
            time.sleep(0.2)
            proxy.mend()
            let_time_pass(mailing)
        wait_until(lambda: is_completed(mailing, time_passes=True))
        terminate(process)
    found = compare(mailing, log)
    bound = sizes.restarts * CONNECTIONS
    report.add(f"{sizes.restarts} resets of a slow line", found, bound)
    found.assert_clean()
    assert found.uncertain <= bound


def charged(mailing: Mailing) -> int:
    return Attempt.objects.filter(mailing=mailing, status=Attempt.Status.FAILURE).count()


def is_completed(mailing: Mailing, time_passes: bool = False) -> bool:
    if time_passes:
        let_time_pass(mailing)
    return Mailing.objects.get(pk=mailing.pk).status == Mailing.Status.COMPLETED


def rate(log: AcceptLog, seconds: float) -> float:
    """Mails taken per second over the next so many seconds."""
    before = log.look()
    time.sleep(seconds)
    return (log.look() - before) / seconds
