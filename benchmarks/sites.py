"""A site to measure: the product as it is, with a database, its senders and its pages as processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Any

from asgi_project.env import VARIABLES
from benchmarks.processes import ROOT, Failed, Running, processor_seconds, python
from tests.support.servers import database_variables, free_port

CONNECTIONS = 20


@dataclass(frozen=True)
class Measured:
    """One run: how many mails in how many seconds, and the senders' processor time."""

    mails: int
    seconds: float
    processor_seconds: float = 0.0

    @property
    def rate(self) -> float:
        return self.mails / self.seconds


@dataclass
class Site:
    """From `with` to the end of its block. Without a database's address it is on SQLite, without Redis's on neither."""

    folder: Path
    database_url: str = ""
    redis_url: str = ""
    _inside: subprocess.Popen[str] | None = field(default=None, init=False)

    def __enter__(self) -> Site:
        self.folder.mkdir()
        self._inside = subprocess.Popen(
            python("-m", "benchmarks.inside"),
            cwd=ROOT,
            env=self.environment(25),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.ask("migrate")
        return self

    def __exit__(self, *_exception: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._inside is not None:
            self._inside.communicate()

    def ask(self, command: str, *arguments: object) -> Any:
        """What the part inside (`inside.py`) answers. Raises Failed."""
        assert self._inside is not None
        assert self._inside.stdin is not None
        assert self._inside.stdout is not None
        print(json.dumps([command, *arguments]), file=self._inside.stdin, flush=True)
        line = self._inside.stdout.readline()
        if not line:
            raise Failed(f"{command}: the process that answers has ended")
        return json.loads(line)

    def environment(self, smtp_port: int, **variables: str) -> dict[str, str]:
        """What makes a process part of this site. Nothing of the developer's own settings is left in it."""
        inherited = {name: value for name, value in os.environ.items() if name not in VARIABLES}
        return {
            **inherited,
            "ENV_FILE": os.devnull,
            "DJANGO_SETTINGS_MODULE": "asgi_project.settings",
            "SECRET_KEY": "for-benchmarks-alone-0123456789-abcdefghijklmnopqrstuvwxyz",
            "DATA_DIR": str(self.folder),
            "REDIS_URL": self.redis_url,
            "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": str(smtp_port),
            "EMAIL_USE_TLS": "False",
            **(database_variables(self.database_url) if self.database_url else {}),
            **variables,
        }

    def sender(
        self, smtp_port: int, *words: str, program: str = "manage.py", connections: int = CONNECTIONS
    ) -> Running:
        command = python(program, "send_mailings", f"--concurrency={connections}", *words)
        return Running(command, self.environment(smtp_port), self.folder / "senders.log")

    def send(self, smtp_port: int, mailing_id: int, workers: int = 1, connections: int = CONNECTIONS) -> Measured:
        """Send a draft to the end, by so many workers with so many connections each.

        Raises Failed where it was not sent to everybody.
        """
        self.ask("start", mailing_id)
        used_before = processor_seconds()
        chosen = f"--mailing={mailing_id}"
        senders = [self.sender(smtp_port, chosen, connections=connections) for _ in range(workers)]
        with _all_of(senders):
            for sender in senders:
                sender.output()
        found = self.ask("measured", mailing_id)
        if not found["sent"] or found["sent"] != found["accepted"]:
            raise Failed(f"{found['accepted']} accepted, {found['sent']} sent")
        return Measured(found["sent"], found["seconds"], processor_seconds() - used_before)

    @contextmanager
    def pages(self) -> Iterator[tuple[str, Running]]:
        """The site's pages on a real Uvicorn: their address, and the process."""
        port = free_port()
        command = python("manage.py", "runserver", "--noreload", f"127.0.0.1:{port}")
        variables = {"SITE_URL": f"http://127.0.0.1:{port}", "EMBEDDED_SENDER": "False"}
        with Running(command, self.environment(25, **variables), self.folder / "pages.log") as server:
            _wait_for_pages(f"http://127.0.0.1:{port}/healthz", server)
            yield f"http://127.0.0.1:{port}", server


@contextmanager
def _all_of(programs: list[Running]) -> Iterator[None]:
    if not programs:
        yield
        return
    with programs[0], _all_of(programs[1:]):
        yield


def _wait_for_pages(url: str, server: Running, seconds: float = 30) -> None:
    deadline = monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - our own server
            return
        except (ConnectionError, urllib.error.URLError):
            if server.has_ended or monotonic() > deadline:
                raise Failed(f"The pages did not start:\n{server.tail()}") from None
            sleep(0.05)


def run_peer(words: list[str], mails: int, said: Path, environment: Mapping[str, str] = os.environ) -> Measured:
    """A peer's run: it prints its seconds. Raises Failed."""
    with Running(words, environment, said) as peer:
        return Measured(mails, float(peer.output().split()[-1]))


def peer(name: str, port: int, mails: int, folder: Path) -> Measured:
    """One of `peers.py`."""
    words = python("-m", "benchmarks.peers", name, str(port), str(mails), str(CONNECTIONS))
    return run_peer(words, mails, folder / "peers.log")
