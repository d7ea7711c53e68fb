"""What is signed verifies, by somebody else's verifier, and nothing of it can be changed afterwards."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.compose import Addressee, Composer, Content
from mailer.delivery.dkim import SIGNED, Signer, SigningKey, relaxed_body, signer_from_settings
from mailer.delivery.dkim_keys import KeyProblem, as_pem
from mailer.delivery.mime import Part
from tests.support.dkim import BOTH, DOMAIN, ED25519, RSA, verdicts

HEAD = {
    "From": "Our Club <news@example.com>",
    "To": "Ana <ana@example.net>",
    "Subject": "News of May",
    "Date": "Mon, 04 May 2026 10:00:00 +0000",
    "Message-ID": "<1.abc@example.com>",
    "MIME-Version": "1.0",
    "Content-Type": 'text/plain; charset="utf-8"',
    "Content-Transfer-Encoding": "7bit",
    "List-Unsubscribe": "<https://mail.example.com/u/abc>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
}
ONCE = [*HEAD, "Cc", "Reply-To"]


def mail_of(head: dict[str, str], body: bytes = b"Hello\r\n") -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in head.items()).encode() + b"\r\n" + body


def signed(mail: bytes) -> bytes:
    return BOTH.sign(mail) + mail


def signed_names(signature: bytes) -> list[bytes]:
    value = re.search(rb"h=([^;]*);", signature)
    assert value
    return re.sub(rb"\s", b"", value[1]).split(b":")


# What a value may hold, and where it may be folded: before white space.
words = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\u2028\u2029\x85"), max_size=40)
folds = st.sampled_from([" ", "  ", "\t", " \t ", "\r\n ", "\r\n\t", " \r\n  "])
values = st.lists(st.tuples(folds, words), max_size=6).map(lambda pairs: "".join(fold + word for fold, word in pairs))
heads = st.dictionaries(st.sampled_from([name.decode() for name in SIGNED if name != b"from"] + ["X-Other"]), values)
lines = st.lists(
    st.sampled_from([b"", b" ", b"\t", b".", b"..", b"a  b", b"text \t ", "ü\u00a0 ".encode(), b"x" * 990])
)
bodies = st.builds(lambda parts, end: b"\r\n".join(parts) + end, lines, st.sampled_from([b"", b"\r\n", b"\r\n" * 5]))


@given(heads, values.filter(str.strip), bodies)
def test_it_signs_any_mail_so_that_another_program_agrees(head: dict[str, str], sender: str, body: bytes) -> None:
    mail = mail_of({"From": sender, **head}, body)
    if not body.endswith(b"\r\n"):
        mail += b"\r\n"  # as SMTP sends it
    assert verdicts(BOTH.sign(mail) + mail) == [True, True]
    assert BOTH.sign(mail) == BOTH.sign(mail)


@given(bodies)
def test_a_body_without_its_last_line_end_is_signed_as_smtp_sends_it(body: bytes) -> None:
    text = body.removesuffix(b"\r\n")
    assert relaxed_body(text) == relaxed_body(text + b"\r\n")


def test_an_empty_body_is_signed_too() -> None:
    assert verdicts(signed(mail_of(HEAD, b""))) == [True, True]


def test_a_mail_of_ours_verifies() -> None:
    content = Content(
        subject="Hello {{ recipient.full_name }}",
        text="Grüße  \n\n.\n\n",
        html="<p>Grüße, {{ recipient.full_name }}</p>\n.\n",
        from_email="Our Club <news@example.com>",
        reply_to="office@example.com",
        list_id="owner-1.example.com",
        attachments=(Part("Plan.pdf", "application/pdf", b"%PDF" * 999),),
    )
    link = "https://mail.example.com/u/1.abc/"
    addressee = Addressee(
        "ana@example.net", "Ána", "<1@example.com>", {"full_name": "Ána"}, datetime(2026, 5, 4, tzinfo=UTC), link
    )
    mail = Composer(content, BOTH.sign).compose(addressee).content
    assert verdicts(mail) == [True, True]
    assert {b"list-unsubscribe", b"list-unsubscribe-post", b"reply-to", b"list-id"} <= set(signed_names(mail))


def test_a_mail_of_the_email_package_verifies() -> None:
    message = EmailMessage(policy=SMTP)
    for name in ("From", "To", "Subject", "Date", "Message-ID"):
        message[name] = HEAD[name]
    message.set_content("Plain")
    message.add_alternative("<p>Rich</p>" * 300, subtype="html")
    message.add_attachment(b"%PDF" * 999, maintype="application", subtype="pdf", filename="a.pdf")
    assert verdicts(signed(message.as_bytes())) == [True, True]


def test_it_signs_the_headers_that_are_there_and_each_that_nobody_may_add_once_more() -> None:
    names = Counter(signed_names(Signer(DOMAIN, [RSA]).sign(mail_of({**HEAD, "List-Id": "<a.example.com>"}))))
    assert names == Counter([*(name.lower().encode() for name in (*HEAD, *ONCE)), b"list-id"])


@pytest.mark.parametrize("name", list(HEAD))
def test_a_header_that_is_changed_afterwards_shows(name: str) -> None:
    mail = signed(mail_of(HEAD))
    changed = mail.replace(f"{name}: {HEAD[name]}".encode(), f"{name}: other".encode())
    assert changed != mail
    assert verdicts(changed) == [False, False]


@pytest.mark.parametrize("key", [RSA, ED25519], ids=lambda key: key.selector)
@pytest.mark.parametrize("name", ONCE)
def test_a_header_that_is_added_afterwards_shows(name: str, key: SigningKey) -> None:
    added = f"{name}: {HEAD.get(name, 'boss@example.com')}\r\n".encode()
    without = {other: value for other, value in HEAD.items() if other != name or name == "From"}
    for mail in map(mail_of, (HEAD, without)):
        signature = Signer(DOMAIN, [key]).sign(mail)
        assert verdicts(signature + mail) == [True]
        assert verdicts(added + signature + mail) == [False]
        assert verdicts(signature + mail.replace(b"\r\n\r\n", b"\r\n" + added + b"\r\n", 1)) == [False]


def test_what_relays_and_lists_add_does_not() -> None:
    added = b"Received: from a by b\r\nList-Id: <a.example.com>\r\nX-Spam-Score: 1\r\nSender: a@example.com\r\n"
    assert verdicts(added + signed(mail_of(HEAD))) == [True, True]


def test_a_changed_body_shows() -> None:
    assert verdicts(signed(mail_of(HEAD)).replace(b"Hello", b"Hullo")) == [False, False]


def test_white_space_that_relays_change_does_not() -> None:
    mail = signed(mail_of(HEAD, b"Hello  there\r\n"))
    assert verdicts(mail.replace(b"Hello  there", b"Hello there \t").replace(b"News of", b"News\r\n  of")) == [True] * 2


def test_its_header_fields_are_short_lines_that_end_the_block() -> None:
    block = Signer("a" * 60 + "." + "b" * 60 + ".example.com", [RSA, ED25519]).sign(mail_of(HEAD))
    assert block.endswith(b"\r\n")
    assert b"\r\n\r\n" not in block
    assert block.count(b"DKIM-Signature: v=1; a=") == 2
    assert max(map(len, block.split(b"\r\n"))) < 160
    assert all(line.startswith((b" ", b"DKIM-Signature:")) for line in block.split(b"\r\n")[:-1])


def test_it_takes_its_keys_from_the_settings(settings: Any, tmp_path: Path) -> None:
    assert signer_from_settings() is None
    file = tmp_path / "key.pem"
    file.write_bytes(as_pem(RSA.key))
    settings.DKIM_DOMAIN, settings.DKIM_SELECTOR, settings.DKIM_KEY_FILE = DOMAIN, ["rsa"], [file]
    signer = signer_from_settings()
    assert signer
    assert verdicts(signer.sign(mail_of(HEAD)) + mail_of(HEAD)) == [True]
    file.unlink()
    with pytest.raises(KeyProblem, match="can't be read"):
        signer_from_settings()
