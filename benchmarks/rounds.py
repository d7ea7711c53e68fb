"""What is run in each round, peers and ours in turn, so that a slow minute of the machine hits all of them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.live import watched_run
from benchmarks.mails import BODY
from benchmarks.sites import CONNECTIONS, Measured, Site, peer, run_peer

MANY, FEW = "many@example.com", "few@example.com"  # owners, by how many they write to


@dataclass(frozen=True)
class Sizes:
    """How many mails a run is, so that it takes a few seconds."""

    many: int = 20_000
    few: int = 6_000  # at 20 ms
    bare_far: int = 1_500
    one_by_one: int = 1_500
    one_by_one_far: int = 40


@dataclass
class Rounds:
    """The runs of a round, and what they have measured so far."""

    folder: Path
    near: int  # the mail server's port
    far: int  # the same server at 20 ms
    sqlite: Site
    postgres: Site
    pages: str
    session: str
    few_session: str
    sizes: Sizes
    samples: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    processor: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))  # µs a mail

    def run_one(self, tell: Callable[[str], None]) -> None:
        for name, run in self._runs().items():
            measured = run()
            self.samples[name].append(measured.rate)
            if measured.processor_seconds:
                self.processor[name].append(measured.processor_seconds / measured.mails * 1e6)
            tell(f"  {name:<28}{measured.rate:>10,.0f}/s")

    def _runs(self) -> dict[str, Callable[[], Measured]]:
        sizes, near, far = self.sizes, self.near, self.far
        runs = {
            "bare": lambda: peer("bare", near, sizes.many, self.folder),
            "sqlite": lambda: self._ours(self.sqlite, near, MANY),
            "postgres": lambda: self._ours(self.postgres, near, MANY),
            "two workers": lambda: self._ours(self.postgres, near, MANY, workers=2, connections=CONNECTIONS // 2),
            "django": lambda: peer("django", near, sizes.one_by_one, self.folder),
            "nodemailer": self._nodemailer,
            "html": lambda: self._ours(self.postgres, near, MANY, kind="html"),
            "watched": lambda: self._watched(near, MANY, self.session, "shown after"),
            "bare, 20 ms": lambda: peer("bare", far, sizes.bare_far, self.folder),
            "django, 20 ms": lambda: peer("django", far, sizes.one_by_one_far, self.folder),
            "postgres, 20 ms": lambda: self._ours(self.postgres, far, FEW),
            "two workers, 20 ms": lambda: self._ours(self.postgres, far, FEW, workers=2),
            "watched, 20 ms": lambda: self._watched(far, FEW, self.few_session, "shown after, 20 ms"),
        }
        if not nodemailer_is_there():
            del runs["nodemailer"]
        return runs

    def _ours(
        self,
        site: Site,
        port: int,
        owner: str,
        *,
        workers: int = 1,
        connections: int = CONNECTIONS,
        kind: str = "text",
    ) -> Measured:
        return site.send(port, int(site.ask("make_mailing", owner, kind)), workers, connections)

    def _watched(self, port: int, owner: str, session: str, delay: str) -> Measured:
        measured, shown_after = watched_run(self.postgres, port, owner, self.pages, session)
        self.samples[delay].append(shown_after)
        return measured

    def _nodemailer(self) -> Measured:
        script = str(Path(__file__).with_name("nodemailer.cjs"))
        words = ["node", script, str(self.near), str(self.sizes.many), str(CONNECTIONS), BODY]
        return run_peer(words, self.sizes.many, self.folder / "nodemailer.log")


def nodemailer_is_there() -> bool:
    """Whether node is installed and finds nodemailer (NODE_PATH may name its folder)."""
    if not shutil.which("node"):
        return False
    found = subprocess.run(["node", "-e", "require('nodemailer')"], capture_output=True, env=os.environ, check=False)
    return found.returncode == 0
