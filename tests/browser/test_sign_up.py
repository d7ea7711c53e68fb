"""A new user signs up, confirms from the catcher's inbox and signs in, as people do it: in a browser."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

NEW = "new@example.com"
CHOSEN = "Xq7-plum-violet-91"


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    """A visitor's page."""
    return open_page()


def send_form(page: Page, **fields: str) -> None:
    for name, value in fields.items():
        page.fill(f"main [name={name}]", value)
    page.click("main form button")


def open_mail(page: Page, address: str, subject: str) -> None:
    """In the catcher's inbox, once it has arrived."""
    mail = page.get_by_role("link", name=subject)
    deadline = time.monotonic() + 30
    page.goto(f"/mailcatcher/?q={address}")
    while not mail.count() and time.monotonic() < deadline:
        page.wait_for_timeout(50)
        page.reload()
    mail.first.click()


def test_a_new_user_signs_up_confirms_and_signs_in(page: Page, site: str) -> None:
    page.goto("/account/login/")
    page.click("text=Sign up")
    send_form(page, email=NEW, password1=CHOSEN, password2=CHOSEN)
    expect(page.locator("main")).to_contain_text(f"We have sent a mail to {NEW}")
    open_mail(page, NEW, "Confirm your email address")
    link = page.frame_locator("iframe").get_by_role("link", name="Confirm this address").get_attribute("href")
    assert link
    assert link.startswith(f"{site}/account/confirm-email/")
    page.goto(link)
    page.click("text=Yes, confirm it")
    expect(page.get_by_role("status")).to_have_text(f"{NEW} is confirmed.")
    send_form(page, login=NEW, password=CHOSEN)
    page.wait_for_url(f"{site}/")
    expect(page.locator(".topbar")).to_contain_text(NEW)


@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_of_an_account_scrolls_sideways(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    paths = [
        "login",
        "signup",
        "confirm-email",
        "confirm-email/resend",
        "confirm-email/x",
        "inactive",
        "password/reset",
    ]
    paths += ["password/reset/done", "password/reset/key/1-x", "password/reset/key/done"]
    for path in paths:
        page.goto(f"/account/{path}/")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
