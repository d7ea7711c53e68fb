"""Signing in and its limits ask nothing of Redis."""

from __future__ import annotations

import os
from pathlib import Path

from django.conf import settings

from tests.conftest import PASSWORD
from tests.support.browser import Visitor
from tests.support.processes import manage, run_python, running_site
from tests.support.servers import free_port

SIGN_IN = "/account/login/"


def test_people_sign_in_and_guesses_end_while_redis_is_stopped(tmp_path: Path) -> None:
    """A process of its own, with a dead Redis for everything that uses one."""
    variables = {
        "ENV_FILE": os.devnull,
        "SECRET_KEY": settings.SECRET_KEY,
        "DATA_DIR": str(tmp_path),
        "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
        "CACHE_ENABLED": "True",
    }
    assert manage(settings.BASE_DIR, "migrate", "--verbosity", "0", **variables).returncode == 0
    script = f"""
import django; django.setup()
from core.models import User
User.objects.create_superuser("owner@example.com", {PASSWORD!r})
"""
    made = run_python(settings.BASE_DIR, "-c", script, DJANGO_SETTINGS_MODULE="asgi_project.settings", **variables)
    assert made.returncode == 0, made.stderr
    with running_site(settings.BASE_DIR, "--noreload", port=free_port(), **variables) as address:
        visitor = Visitor(address)
        status, page = visitor.post(SIGN_IN, {"login": "owner@example.com", "password": PASSWORD})
        assert status == 200
        assert "owner@example.com" in page
        stranger = Visitor(address)
        answers = [stranger.post(SIGN_IN, {"login": "owner@example.com", "password": "wrong"})[1] for _ in range(6)]
        assert ["Too many wrong passwords" in answer for answer in answers] == [False] * 5 + [True]
