"""Runs of the engine, as its tests want them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from mailer.delivery.engine import Options, Summary, Until
from mailer.delivery.ledger import Recorded
from mailer.delivery.supervise import send_once
from tests.support.processes import bare_environment, suite_variables
from tests.support.smtp_server import SmtpServer


async def send(
    until: Until = Until.NOTHING_DUE,
    *,
    concurrency: int = 5,
    stop: asyncio.Event | None = None,
    only_mailing: int | None = None,
    on_recorded: Callable[[Recorded], None] = lambda recorded: None,
) -> Summary:
    """One run of the engine."""
    return await send_once(Options(concurrency, until, only_mailing), stop or asyncio.Event(), on_recorded)


def accepted_by(server: SmtpServer) -> Counter[str]:
    """How often the server took a mail for each address."""
    return Counter(mail.rcpt_to for mail in server.accepted)


async def until(condition: Callable[[], Any], most: float = 60.0) -> None:
    """Wait for what the database will say."""
    async with asyncio.timeout(most):
        while not await condition():  # noqa: ASYNC110 - another process or thread may be the one that changes it
            await asyncio.sleep(0.02)


def sending_process(data_dir: Path, server: SmtpServer, *words: str, **variables: str) -> subprocess.Popen[str]:
    """`manage.py send_mailings` in a process of its own, on this test's database, its journals in `data_dir`."""
    environment = sender_environment(data_dir, server.port, **variables)
    command = [sys.executable, "manage.py", "send_mailings", *words]
    return subprocess.Popen(
        command, cwd=settings.BASE_DIR, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def sender_environment(data_dir: Path, smtp_port: int, **variables: str) -> dict[str, str]:
    """What makes a process send on this test's database, by the server on that port, its journals in `data_dir`."""
    own = {
        "DATA_DIR": str(data_dir),
        "EMAIL_HOST": "127.0.0.1",
        "EMAIL_PORT": str(smtp_port),
        "EMAIL_USE_TLS": "False",
    }
    if connection.vendor == "sqlite":
        database = data_dir / "mailing.sqlite3"
        if not database.exists():
            database.symlink_to(connection.settings_dict["NAME"])
    return {**bare_environment(), **suite_variables(), **own, **variables}
