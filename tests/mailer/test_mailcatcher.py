from __future__ import annotations

import asyncio
import smtplib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import AsyncClient, Client

from core.models import User
from mailer.mailcatcher import smtp
from mailer.mailcatcher.smtp import PortTaken, running_catcher
from mailer.mailcatcher.store import Store
from tests.support.servers import free_port

HOSTILE = [
    b"",
    b"no headers at all",
    b"Subject: =?unknown-8bit?B?////?=\r\nContent-Type: text/plain; charset=nonsense\r\n\r\n\xff\xfe",
    b"Subject: =?utf-8?B?%%%?=\r\n\r\nx",
    b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n<script>alert(1)</script>",
    b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!",
    b"Subject: <script>alert(1)</script>\r\n\x00\x01: y\r\n\r\n\x00",
]


@pytest.fixture
def inbox(settings: Any, tmp_path: Path) -> Store:
    settings.EMBEDDED, settings.DATA_DIR = True, tmp_path
    return Store(tmp_path / "mailcatcher")


@asynccontextmanager
async def catching(directory: Path) -> AsyncIterator[Callable[[str], Any]]:
    """`await send(address)` in a real conversation with the catcher: None, or what it said instead of taking it."""
    port = free_port()

    def send(address: str) -> str | None:
        with smtplib.SMTP("127.0.0.1", port) as server:
            try:
                server.sendmail("from@example.com", [address], b"Subject: Hi\r\n\r\nHello\r\n.\r\n")
            except smtplib.SMTPRecipientsRefused as refused:
                ((code, text),) = refused.recipients.values()
                return f"{code} {text.decode()}"
        return None

    async with running_catcher("127.0.0.1", port, directory):
        yield lambda address: asyncio.to_thread(send, address)


async def test_it_keeps_what_it_accepts_and_plays_the_roles(inbox: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "SLOW", 0.01)
    async with catching(inbox._directory) as send:
        assert await send("ana@example.com") is None
        assert (await send("bounce.ana@example.com")).startswith("550 5.1.1")
        assert (await send("full.ana@example.com")).startswith("452 4.2.2")
        assert (await send("greylist.ana@example.com")).startswith("450 4.7.1")
        assert await send("greylist.ana@example.com") is None
        assert await send("slow.ana@example.com") is None
    mails = list(inbox.newest())
    assert [mail.source().split(b"\r\n")[1] for mail in mails] == [
        b"Delivered-To: slow.ana@example.com",
        b"Delivered-To: greylist.ana@example.com",
        b"Delivered-To: ana@example.com",
    ]
    assert mails[-1].source().endswith(b"Subject: Hi\r\n\r\nHello\r\n.\r\n")


async def test_it_says_what_to_do_when_its_port_is_taken(tmp_path: Path) -> None:
    port = free_port()
    async with running_catcher("127.0.0.1", port, tmp_path):
        with pytest.raises(PortTaken, match="MAILCATCHER_PORT"):
            async with running_catcher("127.0.0.1", port, tmp_path):
                raise AssertionError("two listen on one port")


@pytest.mark.parametrize("port", ["0", "99999", "smtp"])
def test_its_command_takes_a_port_number(port: str) -> None:
    with pytest.raises(CommandError, match="--port: takes a port number, 1 to 65535"):
        call_command("mailcatcher", "--port", port)


def test_it_drops_the_oldest(inbox: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailer.mailcatcher.store.MOST_KEPT", 2)
    for n in range(4):
        inbox.add("from@example.com", f"r{n}@example.com", b"Subject: x\r\n\r\n")
    inbox.drop_oldest()
    assert [b"r3@" in mail.source() for mail in inbox.newest()] == [True, False]


@pytest.mark.django_db
async def test_it_shows_the_inbox_without_sign_in(inbox: Store, async_client: AsyncClient) -> None:
    inbox.add("from@example.com", "ana@example.com", "Subject: =?utf-8?b?0J/RgNC40LLQtdGC?=\r\n\r\nБолт\r\n".encode())
    inbox.add("from@example.com", "bob@example.com", b"Subject: Other\r\n\r\nHello")
    page = (await async_client.get("/mailcatcher/?q=ana")).content.decode()
    assert "Привет" in page
    assert "Other" not in page
    page = (await async_client.get("/mailcatcher/?q=absent")).content.decode()
    assert ("Nothing found" in page, "No mail here" in page) == (True, False)
    mail = next(mail for mail in inbox.newest() if b"ana@" in mail.source())
    assert "Болт" in (await async_client.get(f"/mailcatcher/{mail.key}/")).content.decode()


@pytest.mark.django_db
async def test_it_pages_through_many(inbox: Store, async_client: AsyncClient) -> None:
    for n in range(60):
        inbox.add("from@example.com", f"r{n}@example.com", b"Subject: x\r\n\r\n")
    first = await async_client.get("/mailcatcher/")
    older = first.context["older"]
    second = await async_client.get(f"/mailcatcher/?older={older}")
    assert (len(first.context["mails"]), len(second.context["mails"])) == (50, 10)


@pytest.mark.django_db
@pytest.mark.parametrize("content", HOSTILE)
async def test_no_mail_breaks_it_or_gets_out(inbox: Store, async_client: AsyncClient, content: bytes) -> None:
    inbox.add("from@example.com", "ana@example.com", content)
    (mail,) = inbox.newest()
    for page in ("", f"{mail.key}/"):
        response = await async_client.get(f"/mailcatcher/{page}")
        assert (response.status_code, response["X-Frame-Options"]) == (200, "DENY")
        assert b"<script>alert" not in response.content
    for page, framed in (("html", "SAMEORIGIN"), ("source", "DENY")):
        response = await async_client.get(f"/mailcatcher/{mail.key}/{page}/")
        assert (response.status_code, response["X-Frame-Options"]) == (200, framed)
        assert response["Content-Security-Policy"].startswith("sandbox; default-src 'none'")


@pytest.mark.django_db
async def test_it_opens_html_with_its_pictures_and_files(inbox: Store, async_client: AsyncClient) -> None:
    mail = EmailMessage()
    mail["Subject"] = "News"
    mail.set_content("As text")
    mail.add_alternative('<p>As HTML <img src="cid:logo@inline"><img src="cid:evil@inline"></p>', subtype="html")
    html: Any = mail.get_payload(1)
    html.add_related(b"PNG", "image", "png", cid="<logo@inline>")
    html.add_related(b"<script>", "text", "html", cid="<evil@inline>")
    mail.add_attachment(b"%PDF", "application", "pdf", filename="отчёт.pdf")
    inbox.add("from@example.com", "ana@example.com", mail.as_bytes())
    (caught,) = inbox.newest()
    page = await async_client.get(f"/mailcatcher/{caught.key}/")
    files = {file.name: file for file in page.context["mail"].files}
    assert list(files) == ["logo@inline", "evil@inline", "отчёт.pdf"]
    shown = await async_client.get(f"/mailcatcher/{caught.key}/html/")
    assert b'<img src="data:image/png;base64,UE5H"><img src="data:,">' in shown.content
    path = f"/mailcatcher/{caught.key}/files"
    assert f"{path}/{files['отчёт.pdf'].number}/" in page.content.decode()
    sent = await async_client.get(f"{path}/{files['отчёт.pdf'].number}/")
    assert (sent.content, sent["Content-Type"]) == (b"%PDF", "application/octet-stream")
    assert sent["Content-Disposition"].startswith("attachment; ")
    assert (await async_client.get(f"{path}/99/")).status_code == 404


@pytest.mark.django_db
async def test_it_is_there_for_this_machine_and_an_embedded_start_alone(
    inbox: Store, async_client: AsyncClient, settings: Any, owner: User
) -> None:
    assert (await async_client.get("/mailcatcher/..%2f..%2fsecret_key/")).status_code == 404
    assert (await async_client.get("/mailcatcher/nothing/")).status_code == 404
    settings.EMBEDDED = False
    assert (await async_client.get("/mailcatcher/")).status_code == 404


@pytest.mark.django_db
def test_it_is_not_there_for_another_machine(inbox: Store, client: Client) -> None:
    assert client.get("/mailcatcher/").status_code == 200
    assert client.get("/mailcatcher/", REMOTE_ADDR="192.0.2.1").status_code == 404


@pytest.mark.django_db
async def test_it_is_emptied_by_a_post_alone(inbox: Store, async_client: AsyncClient) -> None:
    inbox.add("from@example.com", "ana@example.com", b"Subject: x\r\n\r\n")
    assert (await async_client.get("/mailcatcher/clear/")).status_code == 405
    assert inbox.count() == 1
    await async_client.post("/mailcatcher/clear/")
    assert inbox.count() == 0
