#!/usr/bin/env python
"""Django's command line for Mailing Service."""

from __future__ import annotations

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "asgi_project.settings")
    try:
        from django.core.management import execute_from_command_line
    except ImportError as error:
        raise SystemExit(
            "Django is not installed in this Python. Run `make run`, or activate the virtual environment."
        ) from error
    from django.core.exceptions import ImproperlyConfigured
    from django.db import OperationalError

    try:
        execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, OperationalError) as error:
        if "--traceback" in sys.argv:
            raise
        trouble = "The database does not answer: " if isinstance(error, OperationalError) else ""
        raise SystemExit(f"{trouble}{error}") from error


if __name__ == "__main__":
    main()
