"""A newsletter from its first word to its last mail: written, previewed, tested, scheduled, signed, and left."""

from __future__ import annotations

import os
import re
import sqlite3
import urllib.request
from collections.abc import Callable
from contextlib import closing
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from mailer.addresses import ascii_address
from mailer.delivery.dkim_keys import as_pem
from tests.browser.conftest import sign_in
from tests.browser.test_writing import PNG
from tests.support.composing import parsed
from tests.support.dkim import DOMAIN, RSA, verdicts
from tests.support.servers import free_port

SITE_URL = "https://mail.example.com"
SUBJECT = "Winter at the club"
STORY = "<p>The oven is hot from six in the morning, and whoever comes first gets the first loaf, {} still warm.</p>\n"
BODY = (
    "<style>h1 { color: rgb(0, 90, 60) } p { line-height: 1.5 }</style>\n"
    '<h1>Hello {{ recipient.full_name | default: "friend" }}</h1>\n'
    '<img src="cid:first@inline" alt="The oven"><img src="cid:second@inline" alt="The loaf">\n'
    + "".join(STORY.format(number) for number in range(560))
    + '<p><a href="{{ unsubscribe_url }}">Unsubscribe</a> · The Club, 12 Mill Lane, 10115 Berlin</p>\n'
)
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
SENDS = 180_000  # milliseconds that a mailing to the demo's recipients may take


@pytest.fixture(scope="module")
def variables(data_dir: Path) -> dict[str, str]:
    """An embedded start that signs, behind an https address."""
    key = data_dir / "key.pem"
    key.write_bytes(as_pem(RSA.key))
    return {
        "ENV_FILE": os.devnull,
        "EMBEDDED": "True",
        "DATA_DIR": str(data_dir),
        "PORT": str(free_port()),
        "MAILCATCHER_PORT": str(free_port()),
        "SITE_URL": SITE_URL,
        "DKIM_DOMAIN": DOMAIN,
        "DKIM_SELECTOR": "rsa",
        "DKIM_KEY_FILE": str(key),
    }


def caught(data_dir: Path, subject: str) -> dict[str, EmailMessage]:
    """The catcher's mails of this subject by their recipient; each has passed dkimpy."""
    mails = {}
    for path in sorted((data_dir / "mailcatcher").glob("*.eml")):
        mail = parsed(path.read_bytes())
        if mail["Subject"].startswith(subject):
            assert verdicts(path.read_bytes()) == [True], path
            mails[str(mail["Delivered-To"])] = mail
    return mails


def write(page: Page, tmp_path: Path) -> None:
    page.goto("/messages/new/")
    page.fill("#id_subject", SUBJECT)
    page.click("label:has-text('HTML')")
    page.fill("#id_body", BODY)
    files = {"first.png": PNG, "second.png": PNG, "programme.pdf": PDF}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    page.set_input_files("#id_files", [tmp_path / name for name in files])
    page.click("#message-form button:has-text('Save')")
    page.wait_for_url(re.compile(r"/messages/\d+/$"))


def preview_as_three(page: Page) -> None:
    mail = page.frame_locator("iframe[name^=mail-preview]:not([data-loading])")
    for choice, name in (("bare", "friend"), ("example", "Ana Novák"), ("", "Uma Dubois")):
        key = choice or page.locator("[name=recipient] option").first.get_attribute("value")
        page.select_option("[name=recipient]", str(key))
        expect(mail.locator("h1")).to_have_text(f"Hello {name}")
        for number in range(2):
            expect(mail.locator("img").nth(number)).to_have_js_property("naturalWidth", 1)


def schedule(page: Page) -> None:
    """A mailing to everyone, slow at first, by way of a test send and the page before it goes."""
    page.click("a:has-text('New mailing')")
    page.fill("#id_from_name", "The Club")
    page.fill("#id_reply_to", "desk@example.com")
    set_rate(page, "2")
    page.click("form button:has-text('Save')")
    page.click("a:has-text('Schedule')")
    expect(page.locator("h1")).to_have_text("Schedule for 500 recipients?")
    expect(page.locator("dl.preflight")).to_contain_text(f"DKIM-signed for {DOMAIN}")
    expect(page.locator("#warnings li")).to_have_count(1)
    expect(page.locator("#warnings")).to_contain_text("it starts at once")
    page.click("a:has-text('Send a test')")
    page.fill("#id_addresses", "boss@example.com, bounce.boss@example.com")
    page.click("button:has-text('Send the test')")
    expect(page.locator("#tests")).to_contain_text("250 2.0.0 Ok")
    expect(page.locator("#tests")).to_contain_text("550 5.1.1")
    page.click("main a:has-text('←')")
    page.click("a:has-text('Schedule')")
    expect(page.locator("dl.preflight")).to_contain_text("boss@example.com")
    page.click("button:has-text('Schedule')")
    page.wait_for_url(re.compile(r"/mailings/\d+/$"))


def set_rate(page: Page, a_second: str) -> None:
    page.fill("[name=most]", a_second)
    page.select_option("[name=period]", "1")


def let_it_go_on_at_full_speed(page: Page) -> None:
    address = page.url
    page.goto(f"{address}rate/")
    set_rate(page, "")
    page.click("main form button")
    page.wait_for_url(address)


def unsubscribe_by_one_click(site: str, mail: EmailMessage) -> None:
    """As a mail program does it, through the proxy that speaks TLS for the site."""
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = mail["List-Unsubscribe"].strip("<>")
    assert link.startswith(SITE_URL)
    request = urllib.request.Request(site.rstrip("/") + link.removeprefix(SITE_URL), b"List-Unsubscribe=One-Click")  # noqa: S310 - our own server
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
        assert response.status == 200


def deliveries(data_dir: Path, columns: str) -> list[Any]:
    """Of the newest mailing."""
    with closing(sqlite3.connect(data_dir / "mailing.sqlite3")) as database:
        newest = "mailing_id = (SELECT max(id) FROM mailer_mailing)"
        return database.execute(f"SELECT {columns} FROM mailer_delivery WHERE {newest}").fetchall()  # noqa: S608


def test_it_goes_its_whole_way(open_page: Callable[..., Page], site: str, data_dir: Path, tmp_path: Path) -> None:
    assert len(BODY.encode()) > 60_000
    *_others, (leaver, welcome) = caught(data_dir, "Welcome").items()
    page = open_page()
    sign_in(page)
    write(page, tmp_path)
    preview_as_three(page)
    schedule(page)
    page.wait_for_selector("#attempts tr", timeout=SENDS)
    assert (leaver, "queued") in deliveries(data_dir, "email, state")
    unsubscribe_by_one_click(site, welcome)
    let_it_go_on_at_full_speed(page)
    page.wait_for_function(
        "['queued', 'sending'].every(s => document.querySelector(`[data-count=${s}] strong`).textContent === '0')",
        timeout=SENDS,
    )
    expect(page.locator("#not-sent")).to_contain_text("Unsubscribed")

    mails = caught(data_dir, SUBJECT)
    states = dict(deliveries(data_dir, "email, state"))
    assert states[leaver] == "skipped"
    assert leaver not in mails
    assert {ascii_address(email) for email, state in states.items() if state == "sent"} == mails.keys()
    assert len(mails) > 470
    tested = caught(data_dir, f"[Test] {SUBJECT}")
    assert tested.keys() == {"boss@example.com"}
    for mail in (*list(mails.values())[:3], *tested.values()):
        assert mail["From"] == "The Club <demo@example.com>"
        assert mail["Reply-To"] == "desk@example.com"
        assert {part.get_filename() for part in mail.iter_attachments()} == {"programme.pdf"}

    someone = next(iter(mails))
    page.goto(f"/mailcatcher/?q={someone}")
    page.click(f"a:has-text('{SUBJECT}') >> nth=0")
    shown = page.frame_locator("iframe")
    expect(shown.locator("h1")).to_contain_text("Hello ")
    expect(shown.locator("h1")).to_have_css("color", "rgb(0, 90, 60)")
    for number in range(2):
        expect(shown.locator("img").nth(number)).to_have_js_property("naturalWidth", 1)
    expect(page.locator(".files")).to_contain_text("programme.pdf")
