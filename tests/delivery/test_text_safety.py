"""Whatever people put into names, subjects, bodies and addresses stays text: no header, no command, no second mail."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.policy import Policy
from email.utils import unquote
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from mailer.delivery.backend import BackendConnection
from mailer.delivery.compose import Addressee, Composer, Content, Envelope
from mailer.delivery.headers import identifier, media_type, one_line
from mailer.delivery.mime import Part
from mailer.delivery.outcome import Kind, Outcome
from mailer.delivery.wire import wire_format
from tests.support.smtp_client import Gate, channel_to, deliver
from tests.support.smtp_server import SmtpServer, unstuffed

DATE = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
HEADERS = ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"]
HEADERS += ["MIME-Version", "Content-Type", "Content-Transfer-Encoding"]
ALL_HEADERS = ["From", "To", "Subject", "Date", "Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post", "Reply-To"]
ALL_HEADERS += ["List-Id", "Feedback-ID", "Auto-Submitted", "MIME-Version", "Content-Type"]
TEXT_HEADERS = ["Content-Type", "Content-Transfer-Encoding"]
FILE_HEADERS = ["Content-Type", "Content-Disposition", "Content-Transfer-Encoding"]
INLINE_HEADERS = ["Content-Type", "Content-Disposition", "Content-ID", "Content-Transfer-Encoding"]
POLICIES: list[Policy] = [policy.default, policy.SMTP, policy.compat32]

LINE_ENDS = ["\r", "\n", "\r\n", "\n\r", "\0", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029"]
ATTACKS = [
    "Bcc: victim@example.com",
    "\r\nBcc: victim@example.com",
    "\n\nAnother body",
    "=?UTF-8?Q?=0ABcc:_victim@example.com?=",
    "=?utf-8?b?DQpCY2M6IHZpY3RpbUBleGFtcGxlLmNvbQ==?=",
    "\r\n.\r\n",
    "\n.\n",
    "\r.\r",
    "\r\n.\r\nMAIL FROM:<evil@example.com>\r\n",
    ".",
    "..",
    '"',
    "\\",
    '" <victim@example.com>, "',
    "<victim@example.com>",
    "(comment",
    ",",
    ";",
    ":",
    "@",
    "?=",
    "=",
    " ",
    "\t",
    "x" * 1200,
    "ж" * 700,
    "❤",
    "\U0010ffff",
]
nasty = st.lists(st.sampled_from(LINE_ENDS + ATTACKS) | st.text(max_size=20), max_size=12).map("".join)


def composed(name: str, subject: str, body: str, sender: str = "Sender", email: str = "ana@example.com") -> Envelope:
    """A mail in which all the text comes from its fields, as merge tags bring it in."""
    composer = Composer(Content("{{ recipient.subject }}", "{{ recipient.body }}", f"{sender} <news@example.com>"))
    data = {"subject": subject, "body": body}
    return composer.compose(Addressee(email, name, "<1.2@example.com>", data, DATE))


def quotable(text: str) -> str:
    return one_line(text).replace("\\", "").replace('"', "")


def assert_lines(content: bytes) -> None:
    assert content.count(b"\r") == content.count(b"\n") == content.count(b"\r\n")
    assert b"\0" not in content
    assert max(map(len, content.split(b"\r\n"))) <= 998


def assert_safe(mail: Envelope) -> None:
    content, wire = mail.content, wire_format(mail.content)
    assert_lines(content)
    assert wire.count(b"\r") == wire.count(b"\n") == wire.count(b"\r\n")
    assert wire.find(b"\r\n.\r\n") == len(wire) - 5
    assert unstuffed(wire) == content
    assert content.partition(b"\r\n\r\n")[0].isascii()
    for how in POLICIES:
        assert message_from_bytes(content, policy=how).keys() == HEADERS


@given(name=nasty, subject=nasty, body=nasty)
@effort(max_examples=400)
def test_text_stays_text(name: str, subject: str, body: str) -> None:
    mail = composed(name, subject, body)
    assert_safe(mail)
    parsed = message_from_bytes(mail.content, policy=policy.default)
    assert [address.addr_spec for address in parsed["To"].addresses] == ["ana@example.com"]
    assert [address.addr_spec for address in parsed["From"].addresses] == ["news@example.com"]
    assert parsed["Subject"].split() == one_line(subject).split()
    got = parsed.get_payload(decode=True)
    assert isinstance(got, bytes)
    assert (
        got.decode().splitlines() == (body.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n") + "\n").splitlines()
    )


@given(name=nasty)
def test_a_senders_name_stays_a_name(name: str) -> None:
    mail = composed("Ana", "News", "Hello", f'"{quotable(name)}"')
    assert_safe(mail)
    assert [a.addr_spec for a in message_from_bytes(mail.content, policy=policy.default)["From"].addresses] == [
        "news@example.com"
    ]


@given(email=st.builds("{}ana{}@{}example.com{}".format, nasty, nasty, nasty, nasty))
@effort(max_examples=200)
def test_an_address_makes_no_header(email: str) -> None:
    """Forms and imports let no such address in; this is what stands behind them."""
    content = composed("Ana", "News", "Hello", email=email).content
    for how in POLICIES:
        assert message_from_bytes(content, policy=how).keys() == HEADERS


@given(told=st.lists(nasty, min_size=9, max_size=9))
@effort(max_examples=200)
def test_nothing_that_a_mailing_says_makes_a_header_or_a_part(told: list[str]) -> None:
    """Forms let little of this in; this is what stands behind them."""
    reply_name, list_id, feedback_id, link, mailto, name, content_type, cid, text = told
    parts = (
        Part(name, content_type, b"data", content_id=f"a{cid}"),
        Part(name, content_type, text.encode(), content_id=cid),
    )
    content = Content(
        "News",
        "{{ recipient.text }}",
        "news@example.com",
        html=f'{{{{ recipient.text }}}}<img src="cid:{identifier(parts[0].content_id)}">',
        reply_to=f'"{quotable(reply_name)}" <office@example.com>',
        list_id=f"l{list_id}",
        feedback_id=f"f{feedback_id}",
        unsubscribe_mailto=f"m{mailto}",
        attachments=parts[:1],
    )
    link = f"https://{link[:60]}"
    mail = Composer(content).compose(Addressee("ana@example.com", "Ana", "<1@x>", {"text": text}, DATE, link)).content
    assert_lines(mail)
    for how in POLICIES:
        parsed = message_from_bytes(mail, policy=how)
        assert parsed.keys() == ALL_HEADERS
        assert [(part.get_content_maintype(), part.keys()) for part in parsed.walk()][1:] == [
            ("text", TEXT_HEADERS),
            ("multipart", ["Content-Type"]),
            ("text", TEXT_HEADERS),
            (media_type(content_type).partition("/")[0], INLINE_HEADERS),
        ]


@given(name=nasty, content_type=nasty, cid=nasty)
def test_a_file_says_its_name_and_nothing_else(name: str, content_type: str, cid: str) -> None:
    part = Part(name, content_type, b"data", content_id=cid)
    content = Content("News", "Hello", "news@example.com", attachments=(part,))
    mail = Composer(content).compose(Addressee("ana@example.com", "Ana", "<1@x>", {}, DATE)).content
    assert_lines(mail)
    for how in POLICIES:
        _whole, _text, file = message_from_bytes(mail, policy=how).walk()
        assert file.keys() == FILE_HEADERS
        assert file.get_content_disposition() == "attachment"
        # `get_filename` takes what stands in quotes for quoted once more.
        assert (file.get_filename() or "").split() in (one_line(name).split(), unquote(one_line(name)).split())


async def test_an_address_that_is_none_is_given_to_no_backend(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    gate = Gate()
    mail = composed("Ana", "News", "Hello", email="ana@example.com>\r\nRCPT TO:<victim@example.com")
    outcome = await deliver(BackendConnection(), mail, gate)
    assert (outcome.kind, outcome.enhanced_code, gate.asked) == (Kind.REJECTED, "5.1.3", 0)


@pytest.fixture(scope="module")
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        yield server


@given(name=nasty, subject=nasty, body=nasty, email=st.just("ana@example.com") | nasty)
@effort(max_examples=40)
def test_a_server_hears_one_mail_and_nothing_else(
    server: SmtpServer, name: str, subject: str, body: str, email: str
) -> None:
    mail = composed(name, subject, body, email=email)
    server.accepted.clear()
    server.commands.clear()
    outcome = async_to_sync(delivered)(server, mail)
    assert len(server.accepted) == (outcome.kind is Kind.ACCEPTED)
    assert [taken.content for taken in server.accepted] in ([], [mail.content])
    verbs = [line.partition(" ")[0] for _connection, line in server.commands]
    assert [verb for verb in verbs if verb not in ("EHLO", "RSET", "QUIT")] in ([], ["MAIL", "RCPT", "DATA"])
    assert email != "ana@example.com" or outcome.kind is Kind.ACCEPTED


async def delivered(server: SmtpServer, mail: Envelope) -> Outcome:
    async with channel_to(server) as channel:
        return await deliver(channel, mail, Gate())
