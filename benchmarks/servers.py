"""The servers of a run: where to send to, how far away it is, where the ledger lies."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from benchmarks.processes import ROOT, Running, python
from tests.support.servers import Server, free_port, start_own_postgres, start_redis

DURABLE = ("fsync=on", "full_page_writes=on", "synchronous_commit=on")
ONE_WAY = 0.010  # seconds that a far server's bytes take in each direction


@dataclass(frozen=True)
class MailServer:
    port: int
    description: str


@contextmanager
def mail_server(folder: Path) -> Iterator[MailServer]:
    """Postfix's smtp-sink where it is installed, else our own."""
    postfix = shutil.which("smtp-sink", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if postfix is None:
        with piped("benchmarks.sink") as port:
            yield MailServer(port, "the sink of benchmarks/sink.py")
        return
    port = free_port()
    account = ["-u", "nobody"] if os.geteuid() == 0 else []
    with Running([postfix, *account, f"127.0.0.1:{port}", "1000"], os.environ, folder / "smtp-sink.log"):
        _wait_for(port)
        yield MailServer(port, "Postfix's smtp-sink")


@contextmanager
def far_away(port: int) -> Iterator[int]:
    """The port of a proxy that makes the server seem far away."""
    with piped("benchmarks.delay", str(port), str(ONE_WAY)) as near:
        yield near


@contextmanager
def piped(module: str, *words: str) -> Iterator[int]:
    """One of our servers, which goes when its standard input ends: its port."""
    process = subprocess.Popen(
        python("-m", module, *words),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.communicate()


@contextmanager
def durable_postgres(folder: Path) -> Iterator[Server]:
    """PostgreSQL that forgets nothing that it has committed, otherwise as it comes."""
    server = start_own_postgres(folder, *DURABLE)
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def redis(folder: Path) -> Iterator[Server]:
    server = start_redis(folder)
    try:
        yield server
    finally:
        server.stop()


def settings_of(url: str) -> str:
    """What the PostgreSQL server says of what makes it durable."""
    with psycopg.connect(url.rsplit("/", 1)[0] + "/postgres") as connection:
        said = [(name, connection.execute(f"SHOW {name}").fetchone()) for name in ("fsync", "synchronous_commit")]
    return ", ".join(f"{name}={row[0]}" for name, row in said if row)


def create_database(url: str) -> None:
    with psycopg.connect(url.rsplit("/", 1)[0] + "/postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE mailing")


def _wait_for(port: int, seconds: float = 10) -> None:
    """Until something listens there. Raises OSError."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
