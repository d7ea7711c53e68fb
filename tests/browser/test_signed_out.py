"""Whoever is signed out while they type loses nothing: signed in again in another tab, they send it as it stands."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from mailer.management.commands.demo import MANAGER
from tests.browser.conftest import sign_in

SAVE = "#message-form button:has-text('Save')"
SAVED, EDIT = re.compile(r"/messages/\d+/$"), re.compile(r"/messages/\d+/edit/$")
REFUSED = "the server responded with a status of 403"  # what the console says of these pages, and rightly


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    page = open_page(expected=REFUSED)
    sign_in(page)
    return page


def sign_out(page: Page) -> None:
    page.goto("/")
    page.click(".account")
    page.click("button:has-text('Sign out')")
    page.wait_for_url("**/account/login/")


def write(page: Page, text: str) -> None:
    """Until the preview has it too: signed out it would be refused."""
    page.fill("#id_subject", text)
    page.fill("#id_body", text)
    mail = page.frame_locator("iframe[name^=mail-preview]:not([data-loading])")
    expect(mail.locator("body")).to_contain_text(text)


def save(page: Page, subject: str) -> None:
    page.click(SAVE)
    page.wait_for_url(SAVED)
    expect(page.locator("h1")).to_have_text(subject)


def test_what_was_typed_in_a_lost_session_is_saved_after_going_back(page: Page) -> None:
    page.goto("/messages/new/")
    write(page, "Before")
    save(page, "Before")
    page.click("a:has-text('Edit')")
    page.wait_for_url(EDIT)
    write(page, "Typed for an hour")
    page.context.clear_cookies(name="sessionid")
    page.click(SAVE)
    expect(page.locator("h1")).to_have_text("You are signed out")
    with page.expect_popup() as opened:
        page.click("a:has-text('Sign in in a new tab')")
    sign_in(opened.value)
    page.go_back()
    for field in ("#id_subject", "#id_body"):
        expect(page.locator(field)).to_have_value("Typed for an hour")
    save(page, "Typed for an hour")


def refused_and_back(page: Page, send: Callable[[], None]) -> None:
    """Send what is typed without a session, sign in elsewhere, and go back."""
    page.context.clear_cookies(name="sessionid")
    send()
    expect(page.locator("h1")).to_have_text("You are signed out")
    sign_in(page.context.new_page())
    page.go_back()


def test_a_recipient_and_how_a_message_is_written_are_kept_as_well(page: Page) -> None:
    page.goto("/recipients/new/")
    page.fill("#id_email", "typed@example.com")
    refused_and_back(page, lambda: page.press("#id_email", "Enter"))
    expect(page.locator("#id_email")).to_have_value("typed@example.com")
    page.goto("/messages/new/")
    page.click("label:has-text('Markdown')")
    write(page, "Marked down")
    refused_and_back(page, lambda: page.click(SAVE))
    expect(page.locator("input[name=kind][value=markdown]")).to_be_checked()


def test_whoever_has_signed_in_again_in_another_tab_just_saves(page: Page) -> None:
    page.goto("/messages/new/")
    write(page, "Typed in the first tab")
    other = page.context.new_page()
    sign_out(other)
    sign_in(other)
    save(page, "Typed in the first tab")


def test_what_was_typed_in_one_account_is_not_saved_in_another(page: Page) -> None:
    page.goto("/messages/new/")
    write(page, "Mine")
    other = page.context.new_page()
    sign_out(other)
    sign_in(other, MANAGER)
    page.click(SAVE)
    expect(page.locator("main")).to_contain_text(f"another account than {MANAGER}")
    sign_out(other)
    sign_in(other)
    page.go_back()
    save(page, "Mine")
