"""The home page in a real browser: bars that move by themselves, a chart, and a table for who has no JavaScript."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import sign_in


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    """The demo's owner at home."""
    page = open_page()
    sign_in(page)
    return page


def test_the_chart_is_drawn_and_its_table_folded(page: Page) -> None:
    expect(page.locator("[data-chart] canvas")).to_be_visible()
    expect(page.locator(".chart-table table")).to_be_hidden()
    page.click(".chart-table summary")
    expect(page.locator(".chart-table tbody tr")).to_have_count(1)
    expect(page.locator(".chart-table tbody tr")).to_contain_text("40")
    page.hover("[data-chart] .u-over", position={"x": 5, "y": 50})  # a day on which nothing was sent
    expect(page.locator("[data-total=success]")).to_have_text("0")
    page.hover("h2 >> nth=0")
    expect(page.locator("[data-total=success]")).to_have_text("40")


def test_without_javascript_the_table_is_there(open_page: Callable[..., Page], page: Page) -> None:
    plain = open_page(java_script_enabled=False, storage_state=page.context.storage_state())
    plain.goto("/")
    expect(plain.locator(".chart-table tbody tr")).to_be_visible()
    expect(plain.locator("[data-chart]")).to_be_hidden()


def test_what_runs_moves_by_itself_and_goes_when_it_ends(page: Page) -> None:
    row = page.locator("#under-way [data-live='/ws/mailings/3/']")
    other = page.context.new_page()
    other.goto("/mailings/3/")
    other.click("a:has-text('Send now')")
    other.click("button:has-text('Send now')")
    other.wait_for_url("**/mailings/3/")
    page.goto("/")
    page.evaluate("window.stillTheSamePage = 'yes'")
    expect(row.locator("[data-number=total]")).to_have_text("500")
    page.wait_for_function("Number(document.querySelector('[data-number=closed]').textContent) >= 487", timeout=60_000)
    assert page.evaluate("document.querySelector('#under-way [data-segment=sent]').style.flexGrow") == "475"
    expect(page.locator(".figure-large").nth(1)).to_have_text("1")
    other.goto("/mailings/3/cancel/")
    other.click("main button")
    expect(row).to_have_count(0)
    expect(page.locator(".figure-large").nth(1)).to_have_text("0")
    expect(page.locator("[data-total=success]")).to_have_text("515")
    expect(page.locator("[data-chart] canvas")).to_have_count(1)
    assert page.evaluate("window.stillTheSamePage") == "yes"


@pytest.mark.parametrize("width", [390, 1280])
def test_a_visitor_finds_the_way_in(open_page: Callable[..., Page], site: str, width: int) -> None:
    page = open_page(viewport={"width": width, "height": 800})
    page.goto("/")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    expect(page.locator(".figure-large").nth(2)).to_have_text("500")
    page.click("main >> text=Sign in")
    expect(page).to_have_url(f"{site}/account/login/")
