"""Checking a domain in a real browser: the page at once, the report when the DNS has answered, scripts or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import sign_in
from tests.support.dns_server import DnsServer, silent
from tests.support.domains import GOOD


@pytest.fixture(scope="module")
def resolver() -> Iterator[DnsServer]:
    with DnsServer(GOOD, silent("example.net")) as server:
        yield server


@pytest.fixture(scope="module")
def variables(variables: dict[str, str], resolver: DnsServer) -> dict[str, str]:
    address, port = resolver.address
    return {**variables, "DNS_RESOLVER": f"{address}:{port}"}


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    page = open_page()
    sign_in(page)
    return page


def test_the_report_comes_by_itself(page: Page) -> None:
    page.click(".account")
    page.click("text=Check a domain")
    page.fill("[name=domain]", "news@example.com")
    page.click("main form button")
    expect(page.locator("h2")).to_have_text("example.com")
    expect(page.locator("main")).to_contain_text("mx.example.com takes its mail.")
    expect(page.locator(".report-waits")).to_have_count(0)


def test_it_says_that_it_waits(page: Page) -> None:
    page.goto("/domains/?domain=example.net&selector=")
    expect(page.locator(".report-waits")).to_be_visible()
    expect(page.locator("main")).to_contain_text("did not answer in time for example.net")


def test_a_report_that_never_comes_is_told_and_can_be_had_again(page: Page) -> None:
    other = page.context.new_page()  # whose console may complain
    other.route("**/domains/report/", lambda route: route.fulfill(status=502, body="Bad gateway"), times=1)
    other.goto("/domains/?domain=example.com&selector=")
    expect(other.locator(".report-fails")).to_be_visible()
    expect(other.locator(".report-waits")).to_have_count(0)
    other.click(".report-fails button")
    expect(other.locator("h2")).to_have_text("example.com")


def test_without_javascript_a_button_leads_to_the_report(open_page: Callable[..., Page], page: Page) -> None:
    plain = open_page(java_script_enabled=False, storage_state=page.context.storage_state())
    plain.goto("/domains/?domain=example.com&selector=")
    expect(plain.locator(".report-waits")).to_be_hidden()
    plain.get_by_role("button", name="Show the result").click()
    expect(plain.locator("h2")).to_have_text("example.com")
