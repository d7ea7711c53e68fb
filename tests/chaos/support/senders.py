"""`manage.py send_mailings` as processes that are killed, stopped and started again."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from core.clock import db_now
from mailer.models import Delivery, Mailing
from tests.support.engine import sender_environment

NOTHING_DUE, NEW_UNCERTAIN = 0, 3
SOON = 0.1  # seconds between looks at a process


@dataclass
class Senders:
    """The processes that send one experiment's mail, one after another or together, with a folder in common."""

    folder: Path
    port: int
    concurrency: int = 10
    variables: dict[str, str] = field(default_factory=dict)
    program: tuple[str, ...] = ("manage.py",)
    _running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __enter__(self) -> Senders:
        return self

    def __exit__(self, *_exception: object) -> None:
        for process in self._running:
            process.kill()
            process.wait()

    @property
    def said(self) -> str:
        """All that they have said and complained of."""
        return (self.folder / "senders.log").read_text()

    def start(self, *words: str, **variables: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, *self.program, "send_mailings", "--concurrency", str(self.concurrency), *words]
        environment = sender_environment(self.folder, self.port, **self.variables, **variables)
        with (self.folder / "senders.log").open("a") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        self._running.append(process)
        return process

    def watch(self, **variables: str) -> subprocess.Popen[bytes]:
        return self.start("--watch", **variables)

    def finish(self, mailing: Mailing, most: float = 120.0) -> None:
        """Send until every delivery is closed; the pauses before retries pass at once."""
        process = self.start("--wait")
        deadline = time.monotonic() + most
        while process.poll() is None:
            assert time.monotonic() < deadline, f"{self.said[-2000:]}\nThe mailing is not done in time."
            let_time_pass(mailing)
            with suppress(subprocess.TimeoutExpired):
                process.wait(SOON)
        assert process.returncode in (NOTHING_DUE, NEW_UNCERTAIN), self.said[-2000:]


def let_time_pass(mailing: Mailing) -> None:
    """What waits for another try is due now."""
    waiting = Delivery.objects.filter(mailing=mailing, state__in=Delivery.WAITING, next_attempt_at__gt=db_now())
    waiting.update(next_attempt_at=db_now() - timedelta(seconds=1))


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    assert process.wait() == -signal.SIGKILL


def terminate(process: subprocess.Popen[bytes], most: float = 60.0) -> float:
    """Ask it to stop; how many seconds that took. Raises AssertionError where it does not end well."""
    asked_at = time.monotonic()
    process.terminate()
    assert process.wait(most) == 0
    return time.monotonic() - asked_at


def wait_until(condition: Callable[[], bool], most: float = 150.0) -> None:
    """Until the database says so. Raises AssertionError when that takes too many seconds."""
    deadline = time.monotonic() + most
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
