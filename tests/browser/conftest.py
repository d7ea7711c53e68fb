"""An embedded start of each module's own, and a browser to look at it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Browser, sync_playwright

from tests.support.processes import manage, running_site
from tests.support.servers import find_chromium, free_port

CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def variables(data_dir: Path) -> dict[str, str]:
    """An embedded start of its own."""
    return {
        "ENV_FILE": os.devnull,
        "EMBEDDED": "True",
        "DATA_DIR": str(data_dir),
        "PORT": str(free_port()),  # what links in mails lead to
        "MAILCATCHER_PORT": str(free_port()),
    }


@pytest.fixture(scope="module")
def site(variables: dict[str, str]) -> Iterator[str]:
    for command in ("migrate", "demo"):
        done = manage(settings.BASE_DIR, command, **variables)
        assert done.returncode == 0, done.stderr
    with running_site(settings.BASE_DIR, "--noreload", port=int(variables["PORT"]), **variables) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_ARGS)
