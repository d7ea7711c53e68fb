"""Servers of an experiment's own, to be stopped, frozen and started again without harm to other tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import psycopg
import redis
from django.core.management import call_command
from django.db import connection

from tests.support.servers import Server, database_variables, start_own_postgres, start_own_redis


class OwnPostgres:
    """Keeps what it has committed when it crashes, as the suite's own server, which hurries, does not."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = self._started(None)
        self.url = self._server.url

    def crash(self) -> None:
        """End it at once: no checkpoint, no goodbye to anybody (`pg_ctl stop -m immediate`)."""
        pid = int((self._folder / "postgres" / "postmaster.pid").read_text().split("\n")[0])
        os.kill(pid, signal.SIGQUIT)
        self.stop()
        _disconnect()

    def start(self) -> None:
        self._server = self._started(urlsplit(self.url).port)

    def stop(self) -> None:
        self._server.stop()

    def _started(self, port: int | None) -> Server:
        return start_own_postgres(self._folder, "synchronous_commit=on", port=port)


@contextmanager
def on_postgres_of_its_own() -> Iterator[OwnPostgres]:
    """Until the end of the block this process's database is an empty one on a server that may be restarted."""
    with TemporaryDirectory(prefix="mailing-chaos-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # PostgreSQL may run under another account
        with _used_by_this_process(OwnPostgres(Path(folder))) as server:
            yield server


@contextmanager
def _used_by_this_process(server: OwnPostgres) -> Iterator[OwnPostgres]:
    with psycopg.connect(server.url.replace("/mailing", "/postgres"), autocommit=True) as admin:
        admin.execute("CREATE DATABASE mailing")
    elsewhere: dict[str, Any] = dict(connection.settings_dict)
    variables = database_variables(server.url)
    try:
        _point_to({name: variables[f"DB_{name}"] for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT")})
        call_command("migrate", verbosity=0)
        yield server
    finally:
        _point_to(elsewhere)
        server.stop()


def _point_to(database: dict[str, Any]) -> None:
    _disconnect()
    connection.settings_dict.update(database)


def _disconnect() -> None:
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]  # of PostgreSQL's backend alone


class OwnRedis:
    """Remembers nothing when it is started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = start_own_redis(folder)
        self.url = self._server.url

    def stop(self) -> None:
        self._server.stop()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It takes connections and bytes, and answers nothing."""
        with redis.Redis.from_url(self.url) as client:
            info: dict[str, Any] = client.info("server")
        os.kill(info["process_id"], signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(info["process_id"], signal.SIGCONT)

    @contextmanager
    def gone(self) -> Iterator[None]:
        """Its process has ended; afterwards another is there at the same port."""
        self.stop()
        try:
            yield
        finally:
            self._server = start_own_redis(self._folder, urlsplit(self.url).port)
