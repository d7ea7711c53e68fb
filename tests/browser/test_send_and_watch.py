"""The whole product as a new user meets it: sign in as the demo, press Send, see the number move, read the ledger."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page, expect, sync_playwright

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
        "MAILCATCHER_PORT": str(free_port()),
    }


@pytest.fixture(scope="module")
def site(variables: dict[str, str]) -> Iterator[str]:
    for command in ("migrate", "demo"):
        done = manage(settings.BASE_DIR, command, **variables)
        assert done.returncode == 0, done.stderr
    with running_site(settings.BASE_DIR, "--noreload", port=free_port(), **variables) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_ARGS)


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    """A page signed in as the demo's owner; what the console complains of fails the test."""
    with closing(browser.new_context(base_url=site)) as context:
        page = context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        sign_in(page, site)
        yield page
        assert complaints == []


def sign_in(page: Page, address: str) -> None:
    page.goto(f"{address}/")
    page.fill("input[name=login]", "demo@example.com")
    page.fill("input[name=password]", "demo")
    page.click("main button")
    page.wait_for_url(f"{address}/")


def count(page: Page, state: str) -> int:
    return int(page.inner_text(f"[data-count={state}] strong") or 0)


def test_it_sends_and_shows_each_result_by_itself(page: Page, site: str, data_dir: Path) -> None:
    page.goto("/mailings/")
    page.click("text=Autumn news")
    page.evaluate("window.stillTheSamePage = 'yes'")
    page.click("text=Send now")
    page.evaluate("window.stillTheSamePage = 'yes'")
    page.wait_for_selector("#attempts tr")
    page.wait_for_function("Number(document.querySelector('#percent').textContent) >= 90", timeout=60_000)
    page.wait_for_function(
        "['queued', 'sending'].every(s => document.querySelector(`[data-count=${s}] strong`).textContent === '0')",
        timeout=60_000,
    )
    assert page.evaluate("window.stillTheSamePage") == "yes"
    listed = [int(key) for key in page.eval_on_selector_all("#attempts tr", "rows => rows.map(r => r.dataset.attempt)")]
    assert listed == sorted(set(listed), reverse=True)
    assert len(listed) == 100
    shown = {state: count(page, state) for state in ("sent", "failed", "deferred", "uncertain")}
    assert shown == {"sent": 475, "failed": 12, "deferred": 13, "uncertain": 0}
    expect(page.locator("#notice")).to_contain_text("The next try is at")
    expect(page.locator("#not-sent")).to_contain_text("12 failed", timeout=10_000)
    with closing(sqlite3.connect(data_dir / "mailing.sqlite3")) as database:
        said = dict(database.execute("SELECT state, count(*) FROM mailer_delivery WHERE mailing_id = 3 GROUP BY state"))
    assert said == {"sent": 475, "failed": 12, "deferred": 13}
    assert len(list((data_dir / "mailcatcher").glob("*.eml"))) == 40 + 475


def test_the_ledger_has_the_servers_words(page: Page) -> None:
    page.goto("/mailings/3/deliveries/?state=failed")
    expect(page.locator("tbody tr")).to_have_count(12)
    expect(page.locator("tbody tr").first).to_contain_text("550 5.1.1")
    page.goto("/mailings/3/deliveries/?state=deferred")
    expect(page.locator("tbody")).to_contain_text("450 4.7.1")
    expect(page.locator("tbody")).to_contain_text("452 4.2.2")


def test_failed_ones_are_retried_with_one_click(page: Page) -> None:
    page.goto("/mailings/3/")
    page.click("text=Retry failed")
    expect(page.locator("main")).to_contain_text("12 deliveries are queued again.")
    expect(page.locator("#history")).to_contain_text("Deliveries: 12.")
    expect(page.locator("#not-sent")).to_contain_text("12 failed", timeout=20_000)
    page.goto("/mailings/3/deliveries/?state=failed")
    page.click("tbody a >> nth=0")
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.locator("main")).to_contain_text("Retry failed after attempt 1")


def test_it_says_reconnecting_and_is_right_again_after_a_restart(
    browser: Browser, site: str, variables: dict[str, str], data_dir: Path
) -> None:
    port = free_port()
    own = variables | {"MAILCATCHER_PORT": str(free_port())}
    with closing(browser.new_context()) as context:
        page = context.new_page()
        with running_site(settings.BASE_DIR, "--noreload", port=port, **own) as address:
            sign_in(page, address)
            page.goto(f"{address}/mailings/3/")
            expect(page.locator("#reconnecting")).to_be_hidden()
        expect(page.locator("#reconnecting")).to_be_visible()
        with closing(sqlite3.connect(data_dir / "mailing.sqlite3")) as database:
            database.execute("UPDATE mailer_mailingcount SET n = n + 1 WHERE state = 'sent' AND mailing_id = 3")
            database.commit()
        with running_site(settings.BASE_DIR, "--noreload", port=port, **own):
            expect(page.locator("#reconnecting")).to_be_hidden(timeout=20_000)
            expect(page.locator("[data-count=sent] strong")).to_have_text("476")


@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_scrolls_sideways(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    paths = ["/", "/mailings/", "/mailings/3/", "/mailings/3/deliveries/", "/mailings/3/attempts/", "/mailings/new/"]
    paths += ["/mailings/3/choose/retry_failed/", "/mailings/3/deliveries/?state=failed"]
    paths += ["/mailings/2/edit/", "/mailings/2/cancel/", "/messages/", "/messages/1/", "/messages/1/edit/"]
    paths += ["/recipients/", "/recipients/1/", "/recipients/import/", "/recipients/1/delete/", "/mailcatcher/"]
    for path in paths:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
