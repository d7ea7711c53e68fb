"""What is composed, parsed back by the standard library, has the headers and the text that were meant."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.compose import Addressee, Composer, Content
from mailer.delivery.headers import one_line
from mailer.merge_tags import TemplateProblem

DATE = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
HEADERS = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
]
anything = st.text(max_size=200)


def composed(
    subject: str = "News",
    body: str = "Hello",
    *,
    full_name: str = "Ana",
    email: str = "ana@example.com",
    from_email: str = "Sender <sender@example.com>",
) -> bytes:
    merge_data = {"full_name": full_name, "email": email}
    addressee = Addressee(email, full_name, "<1.2@example.com>", merge_data, DATE)
    return Composer(Content(subject, body, from_email)).compose(addressee).content


def parsed(content: bytes) -> EmailMessage:
    return message_from_bytes(content, policy=policy.default)


def test_it_fills_in_and_keeps_the_same_bytes() -> None:
    subject, body = "For {{ recipient.full_name }}", 'Dear {{ recipient.nothing | default: "friend" }}'
    mail = parsed(composed(subject, body))
    assert (mail["Subject"], mail["To"]) == ("For Ana", "Ana <ana@example.com>")
    assert mail["Date"].datetime == DATE
    assert mail.get_content() == "Dear friend\r\n"
    assert composed(subject, body) == composed(subject, body)


@pytest.mark.parametrize(
    "name",
    [
        "Анна Каренина",
        'Ana "The Best" Banana',
        "Doe, John",
        "日本語の名前",
        "Zoë (HR)",
        "a@b",
        "=?UTF-8?Q?=0A?=Bcc: x@y",
    ],
)
def test_a_name_arrives_as_it_is(name: str) -> None:
    (address,) = parsed(composed(full_name=name))["To"].addresses
    assert (address.display_name, address.addr_spec) == (name, "ana@example.com")


@pytest.mark.parametrize(
    "text", ["Привет!\nКак дела?", "x" * 5000, "dots\n.\n..\n", "=20 and trailing \n", "a\rb", "\0"]
)
def test_a_body_arrives_as_it_is(text: str) -> None:
    content = composed(body=text.replace("{", ""))
    assert max(map(len, content.split(b"\r\n"))) <= 998
    normal = text.replace("\r", "\n").rstrip("\n") + "\n"
    assert parsed(content).get_content().replace("\r\n", "\n") == normal


def test_an_international_domain_goes_as_a_label() -> None:
    assert parsed(composed(email="ivan@пример.example", full_name=""))["To"] == "ivan@xn--e1afmkfd.example"


def test_it_says_why_a_mail_cannot_be_made() -> None:
    with pytest.raises(TemplateProblem):
        composed(body="{{ 1 | divided_by: 0 }}")


@given(name=anything, subject=anything)
def test_nothing_in_a_name_or_a_subject_makes_a_header(name: str, subject: str) -> None:
    content = composed(
        "{{ recipient.full_name }}{% raw %}" + subject.replace("{%", "") + "{% endraw %}", full_name=name
    )
    head, _end, body = content.partition(b"\r\n\r\n")
    mail = parsed(content)
    assert mail.keys() == HEADERS
    assert body == b"Hello\r\n"
    assert b"\r" not in head.replace(b"\r\n", b"")
    assert b"\n" not in head.replace(b"\r\n", b"")
    assert max(map(len, head.split(b"\r\n"))) <= 998
    assert mail["To"].addresses[0].addr_spec == "ana@example.com"


@given(anything)
def test_a_subject_arrives_as_one_line(text: str) -> None:
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    assert parsed(composed("{{ recipient.full_name }}", full_name=text))["Subject"].split() == line.split()


@given(anything)
def test_any_text_arrives(text: str) -> None:
    content = composed(body="{{ recipient.full_name }}", full_name=text)
    got = parsed(content).get_payload(decode=True)
    assert isinstance(got, bytes)
    expected = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n") + "\n"
    assert got.decode().replace("\r\n", "\n") == expected
