"""A mail server in a process of its own that keeps a log of what it took, and fails as a seed says.

    with Sink(log, Plan(seed=7, deferred=0.05, lost=0.01, pace=0.03)) as sink:
        ...  # sink.port

Whether a mail meets a fault depends on the seed, its address and the how-many-eth try it is, not on the clock.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from tests.support.smtp_server import Accepted, Behaviour, HangUp, Session, SmtpServer


@dataclass(frozen=True)
class Plan:
    """`deferred` of the recipients are refused for now, `lost` of the replies to mails never sent; parts of 1.

    `pace` is how many seconds a mail takes on average, so that what a test does falls in the middle of a mailing.
    """

    seed: int = 0
    deferred: float = 0.0
    lost: float = 0.0
    pace: float = 0.0


class Sink:
    """The server, from `with` to the end of its block. It goes when this process goes, however that ends."""

    def __init__(self, log: Path, plan: Plan) -> None:
        self._command = [sys.executable, "-m", __name__, str(log), json.dumps(asdict(plan))]

    def __enter__(self) -> Sink:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(self, *_exception: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._process.communicate()  # closes its standard input, which it waits for


class LoggingServer(SmtpServer):
    """Writes `accepted <address> <Message-ID>` before it replies, and `lost …` where it then does not."""

    def __init__(self, log: Path, plan: Plan, by_address: Mapping[str, Sequence[Behaviour]] | None = None) -> None:
        by_plan = (Behaviour("rcpt", self._judge), Behaviour("body", self._take, accepts=True))
        super().__init__(*by_plan, by_address=by_address)
        self._file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._plan = plan
        self._tries: Counter[str] = Counter()
        self._message_ids: dict[str, str] = {}

    def __exit__(self, *exception: type[BaseException] | BaseException | TracebackType | None) -> None:
        super().__exit__(*exception)
        os.close(self._file)

    def accept(self, mail: Accepted) -> None:
        self._message_ids[mail.rcpt_to] = mail.message_id
        self._write("accepted", mail.rcpt_to)

    async def _judge(self, session: Session) -> str:
        self._tries[session.rcpt_to] += 1
        if self._dice("deferred", session.rcpt_to).random() < self._plan.deferred:
            return "450 4.2.1 Try again later"
        return session.ordinary_reply("rcpt")

    async def _take(self, session: Session) -> str:
        dice = self._dice("lost", session.rcpt_to)
        await asyncio.sleep(self._plan.pace * dice.uniform(0.5, 1.5))
        if dice.random() < self._plan.lost:
            self._write("lost", session.rcpt_to)
            raise HangUp
        return session.ordinary_reply("body")

    def _dice(self, what: str, address: str) -> random.Random:
        return random.Random(f"{self._plan.seed} {what} {address} {self._tries[address]}")

    def _write(self, word: str, address: str) -> None:
        os.write(self._file, f"{word} {address} {self._message_ids[address]}\n".encode())


if __name__ == "__main__":
    with LoggingServer(Path(sys.argv[1]), Plan(**json.loads(sys.argv[2]))) as server:
        print(server.port, flush=True)  # noqa: T201
        sys.stdin.read()
