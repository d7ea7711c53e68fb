"""The whole product as a new user meets it: sign in as the demo, press Send, see the number move, read the ledger."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import sign_in
from tests.support.processes import running_site
from tests.support.servers import free_port


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    """A page signed in as the demo's owner."""
    page = open_page()
    sign_in(page)
    return page


def count(page: Page, state: str) -> int:
    return int(page.inner_text(f"[data-count={state}] strong") or 0)


def test_it_sends_and_shows_each_result_by_itself(page: Page, site: str, data_dir: Path) -> None:
    page.goto("/mailings/")
    page.click("text=Autumn news")
    page.click("a:has-text('Send now')")
    page.click("button:has-text('Send now')")
    page.wait_for_url("**/mailings/3/")
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
    expect(page.locator("#not-sent")).to_contain_text("12 failed")
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


def test_failed_ones_are_retried_once_nothing_speaks_against_it(page: Page) -> None:
    page.goto("/mailings/3/")
    # Their addresses are suppressed by now: the page says why nobody is to be asked about them again.
    expect(page.locator("#not-sent")).to_contain_text("12 of the addresses are suppressed")
    expect(page.locator("#not-sent")).to_contain_text("550 5.1.1")
    expect(page.locator("text=Retry failed")).to_have_count(0)
    for _ in range(2):
        page.click("#not-sent a:has-text('Suppression list')")
        page.wait_for_url("**/suppressions/")
        page.click("tbody a >> nth=0")
        page.fill("[name=why]", "Their server was wrong")
        page.click("button:has-text('Lift')")
        expect(page.locator("main")).to_contain_text("Lifted.")
        page.goto("/mailings/3/")
    expect(page.locator("#not-sent")).to_contain_text("10 of the addresses are suppressed")
    page.goto("/mailings/3/deliveries/?state=failed")
    expect(page.locator("main")).to_contain_text("Retry failed · 2")
    page.goto("/mailings/3/")
    page.click("text=Retry failed")
    expect(page.locator("main")).to_contain_text("2 deliveries are queued again.")
    expect(page.locator("#history")).to_contain_text("Deliveries: 2.")
    # The catcher refuses them again, and so they are suppressed again.
    expect(page.locator("#not-sent")).to_contain_text("12 of the addresses are suppressed")


def test_it_says_reconnecting_and_is_right_again_after_a_restart(
    browser: Browser, site: str, variables: dict[str, str], data_dir: Path
) -> None:
    port = free_port()
    own = variables | {"MAILCATCHER_PORT": str(free_port())}
    with closing(browser.new_context(base_url=f"http://127.0.0.1:{port}")) as context:
        page = context.new_page()
        with running_site(settings.BASE_DIR, "--noreload", port=port, **own):
            sign_in(page)
            page.goto("/mailings/3/")
            expect(page.locator("#reconnecting")).to_be_hidden()
        expect(page.locator("#reconnecting")).to_be_visible()
        with closing(sqlite3.connect(data_dir / "mailing.sqlite3")) as database:
            database.execute("UPDATE mailer_mailingcount SET n = n + 1 WHERE state = 'sent' AND mailing_id = 3")
            database.commit()
        with running_site(settings.BASE_DIR, "--noreload", port=port, **own):
            expect(page.locator("#reconnecting")).to_be_hidden(timeout=60_000)  # it tries every twelve seconds at last
            expect(page.locator("[data-count=sent] strong")).to_have_text("476")


@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_scrolls_sideways(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    paths = ["/", "/mailings/", "/mailings/3/", "/mailings/3/deliveries/", "/mailings/3/attempts/", "/mailings/new/"]
    paths += ["/mailings/3/deliveries/?state=failed", "/suppressions/"]
    paths += ["/mailings/2/start/", "/mailings/2/schedule/", "/mailings/2/test/", "/messages/1/test/"]
    paths += [
        "/mailings/2/people/?group=empty-comment",
        "/mailings/2/edit/",
        "/mailings/2/cancel/",
        "/messages/",
        "/messages/1/",
        "/messages/1/edit/",
    ]
    paths += ["/recipients/", "/recipients/1/", "/recipients/import/", "/recipients/1/delete/", "/mailcatcher/"]
    for path in paths:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
