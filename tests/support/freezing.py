"""Processes of ours that stand still."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from contextlib import closing

from django.db import connection


def freeze(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    """Stop a child of ours wherever it is."""
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)  # on a busy machine its threads run on for a moment


def freeze_between_transactions(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    """Stop it where it holds no lock that the test's own writing would wait for."""
    freeze(process)
    while another_is_within_a_transaction():
        process.send_signal(signal.SIGCONT)
        time.sleep(0.01)
        freeze(process)


def another_is_within_a_transaction() -> bool:
    if connection.vendor == "sqlite":
        with closing(sqlite3.connect(connection.settings_dict["NAME"], timeout=0.5, isolation_level=None)) as own:
            try:
                own.executescript("BEGIN IMMEDIATE; ROLLBACK")
            except sqlite3.OperationalError:
                return True
        return False
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL"
        )
        return cursor.fetchone() is not None
