"""The headers of a mailing's mails: what lets people leave, what tells machines, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.compose import Composer, Content, Envelope
from mailer.delivery.headers import encoded_words, mailbox
from tests.support.composing import DATE, LINK, addressee, composed, parsed

FULL: dict[str, Any] = {
    "reply_to": "Бюро <office@example.com>",
    "list_id": "owner-1.example.com",
    "feedback_id": "mailing-7:owner-1:mailing:0f1e2d3c4b5a",
}


def test_it_has_the_headers_that_a_mailing_needs_in_this_order() -> None:
    mail = parsed(composed(**FULL, unsubscribe_mailto="leave@example.com"))
    assert [(name, str(value)) for name, value in mail.items()] == [
        ("From", "Sender <sender@example.com>"),
        ("To", "Ana <ana@example.com>"),
        ("Subject", "News"),
        ("Date", "Mon, 23 Nov 2026 09:30:00 +0000"),
        ("Message-ID", "<1.2@example.com>"),
        ("List-Unsubscribe", f"<{LINK}>, <mailto:leave@example.com?subject=unsubscribe%203f9a2b>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ("Reply-To", "Бюро <office@example.com>"),
        ("List-Id", "<owner-1.example.com>"),
        ("Feedback-ID", "mailing-7:owner-1:mailing:0f1e2d3c4b5a"),
        ("Auto-Submitted", "auto-generated"),
        ("MIME-Version", "1.0"),
        ("Content-Type", 'text/plain; charset="utf-8"'),
        ("Content-Transfer-Encoding", "7bit"),
    ]


@pytest.mark.parametrize(
    ("link", "mailto", "offers", "one_click"),
    [
        ("https://x.example/u/1", "", "<https://x.example/u/1>", True),
        ("http://127.0.0.1:8000/u/1", "", "<http://127.0.0.1:8000/u/1>", False),
        ("", "leave@example.com", "<mailto:leave@example.com?subject=unsubscribe%20>", False),
        ("", "", None, False),
        ("https://x.example/" + "x" * 2000, "", None, False),
    ],
)
def test_it_offers_one_click_where_the_link_is_https(
    link: str, mailto: str, offers: str | None, one_click: bool
) -> None:
    mail = parsed(composed(addressee(unsubscribe_url=link), unsubscribe_mailto=mailto))
    assert mail["List-Unsubscribe"] == offers
    assert mail["List-Unsubscribe-Post"] == ("List-Unsubscribe=One-Click" if one_click else None)


def test_a_link_keeps_its_line() -> None:
    """A folded link has broken DKIM signatures elsewhere."""
    link = "https://mail.example.com/unsubscribe/" + "x" * 200
    mail = composed(addressee(unsubscribe_url=link), unsubscribe_mailto="leave@example.com")
    assert f"List-Unsubscribe: <{link}>,\r\n <mailto:".encode() in mail


def test_a_text_knows_the_link_the_mailing_and_the_moment() -> None:
    source = "{{ mailing.subject }}|{{ unsubscribe_url }}|{{ recipient.email }}|{{ 'now' | date: '%Y-%m-%d %H:%M' }}"
    (text,) = parsed(composed(subject="For {{ recipient.full_name }}", text=source)).get_content().splitlines()
    assert text == f"For Ana|{LINK}|ana@example.com|2026-11-23 09:30"


def envelope(content: Content) -> Envelope:
    return Composer(content).compose(addressee("Zoë"))


def test_a_retry_by_another_process_is_the_same_mail() -> None:
    source = "{{ recipient.full_name }} {{ 'now' | date: '%s' }}{% if recipient.email %} {{ now }}{% endif %}"
    content = Content("News", source, "s@example.com", html=f"<p>{source}</p>", token="a1")
    assert envelope(content) == envelope(content)


def test_the_sender_is_an_address_that_smtp_can_say() -> None:
    mail = envelope(Content("News", "Hello", "Бюро <news@пример.example>"))
    assert mail.mail_from == "news@xn--e1afmkfd.example"
    assert parsed(mail.content)["From"].addresses[0].addr_spec == mail.mail_from


def test_a_signature_is_of_the_mail_and_stands_before_it() -> None:
    signed: list[bytes] = []

    def sign(mail: bytes) -> bytes:
        signed.append(mail)
        return b"DKIM-Signature: v=1;\r\n b=abc\r\n"

    mail = Composer(Content("News", "Hello", "s@example.com"), sign).compose(addressee()).content
    assert mail == b"DKIM-Signature: v=1;\r\n b=abc\r\n" + signed[0]
    assert parsed(mail).keys()[:2] == ["DKIM-Signature", "From"]


@given(st.text(min_size=1, max_size=120))
def test_encoded_words_cut_no_character_and_keep_their_lines(text: str) -> None:
    words = encoded_words(text).split("\r\n ")
    assert all(word.isascii() and len(word) <= 75 for word in words)
    mail = parsed(b"Subject: " + "\r\n ".join(words).encode() + b"\r\n\r\n")
    assert str(mail["Subject"]).split() == text.split()


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("", "ana@example.com"),
        ("Ana Novak", "Ana Novak <ana@example.com>"),
        ("Novak, Ana", '"Novak, Ana" <ana@example.com>'),
        ('Ana "A" \\', '"Ana \\"A\\" \\\\" <ana@example.com>'),
        ("Zoë", "=?utf-8?q?Zo=C3=AB?= <ana@example.com>"),
        ("Анна", "=?utf-8?b?0JDQvdC90LA=?= <ana@example.com>"),
    ],
)
def test_a_name_is_written_as_plainly_as_may_be(name: str, header: str) -> None:
    assert mailbox(name, "ana@example.com") == header


def test_each_mail_has_its_own_date() -> None:
    composer = Composer(Content("News", "Hello", "s@example.com"))
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    mails = [composer.compose(to).content for to in (addressee(), addressee()._replace(date=at))]
    assert [parsed(mail)["Date"].datetime for mail in mails] == [DATE, at]
