"""Recipients are chosen by ticking them: no tick is lost without a word."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Dialog, Page, expect

from tests.browser.conftest import sign_in


def test_who_leaves_with_ticks_is_asked_and_done_adds_them(open_page: Callable[..., Page]) -> None:
    page = open_page()
    sign_in(page)
    page.goto("/mailings/new/")
    page.select_option("#id_message", index=1)
    page.check("[name=audience][value=chosen]")
    page.click("main form button:has-text('Save')")
    page.wait_for_url("**/audience/")
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    for leave in ("a[rel=next]", "form[role=search] button", "main p a"):
        ticked = page.locator("[name=recipient]").first
        ticked.check()
        with page.expect_event("dialog"):  # a form's comes when the click is over
            page.click(leave, no_wait_after=True)
        expect(ticked).to_be_checked()
    assert asked == ["beforeunload"] * 3
    page.click("button:has-text('Done')")
    page.wait_for_url("**/mailings/*/")
    expect(page.locator("main")).to_contain_text("1 recipient added.")
    assert len(asked) == 3
