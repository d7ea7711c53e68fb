"""What goes out is, read by the `email` package, what the `email` package would have made."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from mailer.delivery.compose import Addressee, Composer, Content
from mailer.delivery.mime import Part
from mailer.merge_tags import TemplateProblem, compile_template
from tests.support.composing import addressee, composed, data_of, parsed, structure, text_of

PNG = Part("logo.png", "image/png", b"\x89PNG\r\n\0", content_id="logo")
PDF = Part("prices.pdf", "application/pdf", b"%PDF-1.7\n" * 50)
SHOWS_LOGO = '<p>Hello</p><img src="CID:logo">'

PIECES = ["\n", "\r\n", "\r", ".", "--", "=_", "x" * 1100, "From me", "Привет " * 9]
TAGS = ["{{ recipient.comment }}", '{{ recipient.name | default: "friend" }}', "{{ unsubscribe_url }}"]
texts = st.text(max_size=90).map(lambda text: text.replace("{", "")) | st.sampled_from(PIECES)
bodies = st.lists(texts | st.sampled_from(TAGS), max_size=12).map("".join)
comments = st.lists(st.text(max_size=90) | st.sampled_from(PIECES), max_size=3).map("".join)
words = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=20).filter(
    lambda word: "=?" not in word and "{" not in word
)
phrases = st.lists(words, max_size=6).map(" ".join)
types = st.sampled_from(["application/pdf", "image/png", "text/csv", "application/vnd.ms-excel", "audio/mpeg"])
files = st.lists(st.builds(Part, phrases.filter(bool), types, st.binary(max_size=300)), max_size=3)
pictures = st.lists(st.builds(Part, words, st.just("image/png"), st.binary(max_size=300)), max_size=2)


def pictures_named(parts: list[Part]) -> list[Part]:
    return [Part(part.name, part.content_type, part.data, f"p{n}@x") for n, part in enumerate(parts)]


def built(subject: str, text: str, html: str, shown: list[Part], attached: list[Part]) -> EmailMessage:
    """The same mail, made by the standard library."""
    mail = EmailMessage(policy=policy.SMTP)
    mail["Subject"] = subject
    mail.set_content(text, cte="base64")
    if html:
        mail.add_alternative(html, subtype="html", cte="base64")
        *_text, rich = mail.iter_parts()
        for part in shown:
            kind, _slash, subtype = part.content_type.partition("/")
            rich.add_related(
                part.data, kind, subtype, cid=f"<{part.content_id}>", filename=part.name, disposition="inline"
            )
    for part in attached:
        kind, _slash, subtype = part.content_type.partition("/")
        mail.add_attachment(part.data, kind, subtype, filename=part.name)
    return mail


def read(mail: EmailMessage) -> Iterator[tuple[object, ...]]:
    for part in mail.walk():
        if not part.is_multipart():
            yield (
                part.get_content_type(),
                part.get_content_disposition(),
                part.get_filename(),
                part["Content-ID"],
                in_lines(data_of(part)) if part.get_content_maintype() == "text" else data_of(part),
            )


def in_lines(data: bytes) -> bytes:
    """Whatever the line ends are, and however many at the end."""
    return b"\n".join(data.splitlines()).rstrip(b"\n")


def filled_in(source: str, to: Addressee, *, escape: bool) -> str:
    context = {"recipient": to.merge_data, "unsubscribe_url": to.unsubscribe_url}
    return compile_template(source, escape=escape).render(context)


@given(subject=phrases, name=phrases, comment=comments, text=bodies, html=bodies, pictures=pictures, attached=files)
@effort(max_examples=100)
def test_it_says_what_the_email_package_would(
    subject: str, name: str, comment: str, text: str, html: str, pictures: list[Part], attached: list[Part]
) -> None:
    to = addressee(name, comment=comment)
    shown = pictures_named(pictures)
    if html:
        html += "".join(f'<img src="cid:{part.content_id}">' for part in shown)
    content = Content(subject, text, "S <s@example.com>", html, attachments=(*(shown if html else ()), *attached))
    mail = Composer(content).compose(to).content
    text, html = filled_in(text, to, escape=False), filled_in(html, to, escape=True)
    expected = built(subject, text, html, shown, attached)
    for how in (policy.default, policy.SMTP):
        got = message_from_bytes(mail, policy=how)
        assert not got.defects
        assert structure(got) == structure(expected)
        assert list(read(got)) == list(read(expected))
        assert got["Subject"].split() == subject.split()
        # Python 3.11 leaves the space between two encoded-words in a name.
        assert got["To"].addresses[0].display_name.replace(" ", "") == name.replace(" ", "")
    assert max(map(len, mail.split(b"\r\n"))) <= 998
    assert mail.count(b"\r") == mail.count(b"\n") == mail.count(b"\r\n")


@pytest.mark.parametrize(
    ("html", "parts", "kinds"),
    [
        ("", (), "text/plain"),
        ("<p>Hello</p>", (), ["multipart/alternative", "text/plain", "text/html"]),
        ("", (PDF,), ["multipart/mixed", "text/plain", "application/pdf"]),
        ("", (PNG,), ["multipart/mixed", "text/plain", "image/png"]),
        (
            SHOWS_LOGO,
            (PNG, PDF),
            [
                "multipart/mixed",
                [
                    "multipart/alternative",
                    "text/plain",
                    ["multipart/related", "text/html", "image/png"],
                ],
                "application/pdf",
            ],
        ),
        (
            '<p>It shows another</p><img src="cid:logo2">',
            (PNG,),
            ["multipart/mixed", ["multipart/alternative", "text/plain", "text/html"], "image/png"],
        ),
    ],
)
def test_it_has_the_parts_that_its_content_needs(html: str, parts: tuple[Part, ...], kinds: object) -> None:
    assert structure(parsed(composed(html=html, attachments=parts))) == kinds


def test_a_picture_is_named_by_what_the_html_shows() -> None:
    mail = parsed(composed(html=SHOWS_LOGO, attachments=(PNG,)))
    picture = next(part for part in mail.walk() if part.get_content_type() == "image/png")
    assert (picture["Content-ID"], picture.get_content_disposition()) == ("<logo>", "inline")
    assert data_of(picture) == PNG.data


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Hello", "7bit"),
        ("\tHello\r\n", "7bit"),
        ("x" * 998, "7bit"),
        ("x" * 999, "quoted-printable"),
        ("\x07", "quoted-printable"),
        ("Une journée d'été à la plage, avec tous les nôtres", "quoted-printable"),
        ("Это письмо написано по-русски", "base64"),
    ],
)
def test_it_encodes_a_text_by_what_is_in_it(text: str, encoding: str) -> None:
    for source, name in ((text, "Ana"), ("{{ recipient.full_name }}{% if false %}{% endif %}", text)):
        mail = parsed(composed(addressee(name), text=source))
        assert mail["Content-Transfer-Encoding"] == encoding
        assert text_of(mail) == text.rstrip("\r\n") + "\r\n"


@pytest.mark.parametrize("name", ["Ana", "Zoë", "Анна", "x" * 1500, "two\nlines", "", " ", "Ana.", ".", "\xa0", "=3D"])
@pytest.mark.parametrize(
    "around", ["{}", "Dear {},\nhello", "\n{}\n\n", "é{}", "Привет, {}!", "y" * 990 + "{}", ".{}."]
)
def test_whoever_is_filled_in_arrives(name: str, around: str) -> None:
    mail = composed(addressee(name), text=around.format("{{ recipient.full_name }}"))
    assert max(map(len, mail.split(b"\r\n"))) <= 998
    lines = around.format(name).replace("\n", "\r\n").rstrip("\r\n") + "\r\n"
    assert text_of(parsed(mail)) == lines


@given(text=bodies, name=bodies)
def test_no_encoded_line_is_longer_than_76(text: str, name: str) -> None:
    mail = composed(addressee(name), text="é" + text + "{{ recipient.full_name }}x")
    _head, _end, body = mail.partition(b"\r\n\r\n")
    assert max(map(len, body.split(b"\r\n"))) <= 76


def test_html_holds_a_name_as_text() -> None:
    name = "<b>Ana</b> & \"co\" 'x'"
    source = '<p title="{{ recipient.full_name }}">{{ recipient.full_name }}</p>'
    mail = parsed(composed(addressee(name), text="{{ recipient.full_name }}", html=source))
    text, html = map(text_of, mail.iter_parts())
    escaped = "&lt;b&gt;Ana&lt;/b&gt; &amp; &#34;co&#34; &#39;x&#39;"
    assert text == name + "\r\n"
    assert html == f'<p title="{escaped}">{escaped}</p>\r\n'


def test_a_newsletter_arrives_whole() -> None:
    story = "<td style='padding:0'>" + "Новости & news, " * 150 + "</td>"
    html = f"<table>{story * 20}</table><p>{{{{ recipient.full_name }}}}</p>"
    html += "<img src='cid:a@inline'><img src='cid:b@inline'>"
    pictures = [Part(f"{name}.png", "image/png", name.encode() * 30_000, f"{name}@inline") for name in "ab"]
    mail = composed(addressee("Анна"), html=html, attachments=(*pictures, PDF))
    assert max(map(len, mail.split(b"\r\n"))) <= 998
    content, file = parsed(mail).iter_parts()
    _text, rich = content.iter_parts()
    shown, *images = rich.iter_parts()
    assert len(html.encode()) > 60_000
    assert text_of(shown) == html.replace("{{ recipient.full_name }}", "Анна") + "\r\n"
    assert [data_of(image) for image in images] == [part.data for part in pictures]
    assert data_of(file) == PDF.data


def test_what_no_encoding_takes_is_refused_and_not_sent() -> None:
    for text, name in (("\ud800", "Ana"), ("{{ recipient.full_name }}", "Ana\ud800")):
        with pytest.raises(TemplateProblem):
            composed(addressee(name), text=text)
    assert parsed(composed(addressee("Ana\ud800")))["To"].addresses[0].display_name == "Ana"


def test_a_boundary_is_the_mailings_and_in_no_content() -> None:
    said: dict[str, Any] = {"html": "<p>{{ recipient.full_name }}</p>", "token": "one"}
    (boundary,) = set(re.findall(rb'boundary="(.*)"', composed(**said)))
    assert boundary in composed(addressee("Zoë"), **said)
    assert boundary not in composed(**{**said, "token": "two"})
    stem = boundary.decode().rpartition("_")[0]
    quoting = parsed(composed(addressee(f"--{stem}_1\n--{stem}_1--"), text="{{ recipient.full_name }}", **said))
    assert structure(quoting) == ["multipart/alternative", "text/plain", "text/html"]
    assert stem in text_of(next(quoting.iter_parts()))
    simple = parsed(composed(addressee(f"--{stem}_1"), text="x{{ recipient.full_name }}", **said))
    assert structure(simple) == ["multipart/alternative", "text/plain", "text/html"]


@pytest.mark.parametrize(
    "name",
    [
        "prices.pdf",
        "price list (1).pdf",
        "цены на осень.pdf",
        "очень " * 40 + "длинное имя.pdf",
        'a"b\\c;d.pdf',
        "a%20b'c.pdf",
        "=?utf-8?q?x?=.pdf",
        "x" * 200 + ".pdf",
        "日本語" * 60,
        ".htaccess",
    ],
)
def test_a_file_keeps_its_name(name: str) -> None:
    mail = composed(attachments=(Part(name, "application/pdf", b"data"),))
    assert max(map(len, mail.split(b"\r\n"))) <= 120
    _text, file = parsed(mail).iter_parts()
    assert file.get_filename() == name
    assert data_of(file) == b"data"


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("application/pdf", "application/pdf"),
        ("IMAGE/PNG", "image/png"),
        ("", "application/octet-stream"),
        ("text/html; charset=utf-16", "application/octet-stream"),
        ("message/rfc822", "application/octet-stream"),
        ("multipart/mixed", "application/octet-stream"),
        ("application/pdf\r\nBcc: x@example.com", "application/octet-stream"),
        ("application/pdf\n", "application/octet-stream"),
    ],
)
def test_a_files_type_is_one_that_a_file_may_have(said: str, written: str) -> None:
    _text, file = parsed(composed(attachments=(Part("a", said, b"data"),))).iter_parts()
    assert file.get_content_type() == written


def test_a_file_is_encoded_once_however_many_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[int] = []
    encodebytes = base64.encodebytes

    def counted(data: bytes) -> bytes:
        encoded.append(len(data))
        return encodebytes(data)

    monkeypatch.setattr(base64, "encodebytes", counted)
    composer = Composer(Content("News", "Hello", "s@example.com", attachments=(PDF,)))
    for name in ("Ana", "Zoë", "Anna"):
        composer.compose(addressee(name))
    assert encoded == [len(PDF.data)]
