"""`manage.py` with waits that end while a test waits: the product's lease is a minute, and ten more of silence."""

from __future__ import annotations

import os
import sys
from datetime import timedelta

import django
from django.core.management import execute_from_command_line
from django.db import connection

LEASE = timedelta(seconds=3)
SILENCE = timedelta(seconds=1)
RENEW_EVERY = 0.5  # seconds


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "asgi_project.settings")
    django.setup()
    from mailer.delivery import lease, sweep, worker

    for module, name, value in (
        (lease, "LEASE", LEASE),
        (worker, "LEASE", LEASE),
        (worker, "RENEW_EVERY", RENEW_EVERY),
        (sweep, "SILENCE", SILENCE),
    ):
        assert hasattr(module, name)
        setattr(module, name, value)
    if connection.vendor == "postgresql":
        connection.settings_dict["OPTIONS"]["options"] = "-c idle_in_transaction_session_timeout=2s"
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
