"""A newsletter is written in a browser: seen as recipients get it while it is typed, with files, harmless wherever."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import sign_in

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc000000301010018dd8db0"
    "0000000049454e44ae426082"
)
BODY = """<style>h1 { color: rgb(200, 0, 0) }</style><h1>Hello {{ recipient.full_name | default: "friend" }}</h1>
<script>document.body.innerText = "hacked"</script><a href="{{ unsubscribe_url }}">Unsubscribe</a>
"""


def test_it_is_written_with_its_preview_beside_it(open_page: Callable[..., Page], tmp_path: Path) -> None:
    page = open_page()
    sign_in(page)
    page.goto("/messages/new/")
    page.fill("#id_subject", "News for {{ recipient.full_name }}")
    page.click("label:has-text('HTML')")
    page.fill("#id_body", BODY)
    mail = page.frame_locator("iframe[name^=mail-preview]:not([data-loading])")
    expect(mail.locator("h1")).to_contain_text("Hello ")
    expect(mail.locator("h1")).to_have_css("color", "rgb(200, 0, 0)")
    page.select_option("[name=recipient]", "bare")
    expect(mail.locator("h1")).to_have_text("Hello friend")
    expect(page.locator("[data-checks]")).to_contain_text("script")
    page.fill("[data-search]", "o'brien")
    expect(page.locator("[name=recipient] option").first).to_contain_text("O'Brien")
    page.click("button:has-text('Phone')")
    expect(page.locator("iframe[name^=mail-preview]:not([data-loading])")).to_have_css("width", "375px")
    page.click("button:has-text('Text')")
    expect(mail.locator("body")).to_contain_text("Unsubscribe (http")
    page.click("#message-form button:has-text('Save')")
    page.wait_for_url(re.compile(r"/messages/\d+/$"))
    expect(page.locator("h1")).to_contain_text("News for")

    page.click("a:has-text('Edit')")
    page.wait_for_url(re.compile(r"/edit/$"))
    picture = tmp_path / "logo.png"
    picture.write_bytes(PNG)
    page.fill("#id_subject", "Not saved yet")
    page.set_input_files("#id_files", [picture])
    page.click("[data-picture]")
    expect(page.locator("#id_body")).to_have_value(
        re.compile('Unsubscribe.*<img src="cid:logo@inline" alt="logo">$', re.S)
    )
    expect(mail.locator("img")).to_have_js_property("naturalWidth", 1)
    program = tmp_path / "run.exe"
    program.write_bytes(b"MZ")
    page.set_input_files("#id_files", [program])
    expect(page.locator("[data-attachments]")).to_contain_text("“run.exe” can't be attached")
    expect(page.locator("#id_subject")).to_have_value("Not saved yet")


def test_a_preview_is_harmless_when_it_is_opened_by_itself(open_page: Callable[..., Page]) -> None:
    page = open_page()
    sign_in(page)
    page.goto("/messages/")
    page.click("a:has-text('Winter at the workshop')")
    address = page.locator("iframe[name^=mail-preview]").first.get_attribute("src")
    page.goto(str(address))
    expect(page.locator("h1")).to_have_text("Winter at the workshop")
    expect(page.locator("img")).to_have_js_property("naturalWidth", 1120)
    assert page.evaluate("origin") == "null"
