"""An embedded start of each module's own, and a browser to look at it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.support.processes import manage, running_site
from tests.support.servers import find_chromium, free_port

expect.set_options(timeout=30_000)  # milliseconds, as all else may take: server and browser share a busy machine
HOME = re.compile(r"//[^/]+/$")
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


@pytest.fixture
def open_page(browser: Browser, site: str) -> Iterator[Callable[..., Page]]:
    """`open_page(locale="ru-RU")`: a visitor's page in a browser of its own.

    What a console complains of fails, unless `expected` is in it.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def opened(expected: str | None = None, **options: Any) -> Page:
        def note(message: ConsoleMessage) -> None:
            if message.type == "error" and not (expected and expected in message.text):
                complaints.append(message.text)

        contexts.append(browser.new_context(base_url=site, **options))
        page = contexts[-1].new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


DEMO, DEMO_PASSWORD = "demo@example.com", "demo"


def sign_in(page: Page, email: str = DEMO, password: str = DEMO_PASSWORD) -> None:
    page.goto("/account/login/")
    page.fill("input[name=login]", email)
    page.fill("input[name=password]", password)
    page.click("main form button")
    page.wait_for_url(HOME)
