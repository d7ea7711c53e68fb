"""What becomes of HTML and Markdown: safe, with inlined styles, a plain text, and merge tags as they were."""

from __future__ import annotations

import re

import pytest

from mailer.merge_tags import EXAMPLE, compile_template
from mailer.writing.filling import filled
from mailer.writing.finish import Finished, finish
from tests.support.cost import seconds_of

STYLED = (
    "<style>.x { color: red } @media (max-width: 600px) { .x { color: blue !important } }</style>"
    "<table class=x><tr><td>Hi</td></tr></table>"
)


def html(body: str) -> str:
    return finish("html", "Subject", body).html


@pytest.mark.parametrize(
    ("written", "absent"),
    [
        ("<script>alert(1)</script>a", "alert"),
        ("<SCRIPT/x>alert(1)</SCRIPT >a", "alert"),
        ("<scr<script>ipt>alert(1)</script>", "<script"),
        ("<img src=x onerror=alert(1)>", "onerror"),
        ("<img src=x onerror='alert(1)' <b>", "onerror"),
        ("<body onload=alert(1)>a", "onload"),
        ("<a href='java\tscript:alert(1)'>a</a>", "script:"),
        ("<a href='&#106;avascript:alert(1)'>a</a>", "script:"),
        ("<a href='{% if true %}javascript:{% endif %}alert(1)'>a</a>", "javascript"),
        ("<a href='data:text/html,<script>1</script>'>a</a>", "data:"),
        ("<form action=/x><input name=a><button>b</button></form>", "<input"),
        ("<iframe src=//evil></iframe><object data=x></object><embed src=x>", "evil"),
        ("<svg><script>alert(1)</script></svg>", "<svg"),
        ("<math><mtext><style><img src=x onerror=alert(1)></style>", "<img"),
        ("<meta http-equiv=refresh content='0;url=//evil'>", "evil"),
        ("<base href=//evil><link rel=stylesheet href=//evil>", "evil"),
        ("<p style='width: expression(alert(1))'>a</p>", "expression("),
        ("<style>p { behavior: url(x) }</style><p>a</p>", "behavior:"),
        ("{% raw %}<script>alert(1)</script>{% endraw %}", "alert"),
        ("<!-- a note {{ recipient.email }} -->a", "note"),
    ],
)
def test_nothing_stays_that_runs_or_asks(written: str, absent: str) -> None:
    assert absent not in html(written).lower()


@pytest.mark.parametrize(
    "written",
    [
        '<td style="padding: 4px" bgcolor="#fff" width="20" valign="top">',
        '<img src="cid:logo@inline" alt="Logo" width="20">',
        '<img src="data:image/png;base64,AAAA">',
        '<a href="mailto:a@example.com?subject=x">',
        '<a href="{{ unsubscribe_url }}">',
        '<a href="https://example.com/?a=1&amp;to={{ recipient.email | url_encode }}">',
        '<b title="{{ recipient.full_name | default: "friend" }}">',
        "<span style=\"color: {{ recipient.comment | default: 'red' }}\">",
        "<!--[if mso]><table><tr><td><![endif]-->",
        "{% if 1 < 2 and recipient.email contains '@' %}yes & no{% endif %}",
    ],
)
def test_what_a_mail_needs_stays_as_it_is(written: str) -> None:
    sample = f"<table><tr>{written}a</td></tr></table>" if written.startswith("<td") else f"<p>{written}a</p>"
    assert written in html(sample).replace("yes &amp; no", "yes & no")


def test_styles_are_inlined_and_media_queries_kept() -> None:
    finished = html(STYLED)
    assert re.search(r'<table class="x" style="color: red;">', finished)
    assert "@media (max-width: 600px)" in finished
    assert finished.index("@media") < finished.index("<body")


def test_it_makes_one_page_of_a_fragment_and_of_a_page() -> None:
    for body in ("<p>a</p>", "<!DOCTYPE html><html lang=de><head><title>T</title></head><body bgcolor=red><p>a</p>"):
        page = html(body)
        assert [page.count(tag) for tag in ("<html", "<head", "<body", "</html>", "<title>")] == [1, 1, 1, 1, 1]
    assert '<html lang="de">' in page
    assert '<body bgcolor="red">' in page
    assert "<title>Subject</title>" in page


def test_the_title_is_the_subject_with_its_merge_tags() -> None:
    page = finish("html", 'A & {{ recipient.full_name | default: "friend" }}', "<p>a</p>").html
    assert '<title>A &amp; {{ recipient.full_name | default: "friend" }}</title>' in page


def test_rows_may_be_repeated_and_left_out() -> None:
    body = "<table>{% for n in (1..3) %}<tr><td>{{ n }}</td></tr>{% endfor %}</table>"
    page = compile_template(html(body), escape=True).render({})
    assert "<tbody><tr><td>1</td></tr><tr><td>2</td></tr><tr><td>3</td></tr></tbody></table>" in page


@pytest.mark.parametrize("written", ["&#123;&#123; x }}", "{% raw %}{{ x }}{% endraw %}", "{<script></script>{ x }}"])
def test_what_only_looks_like_a_merge_tag_comes_out_as_text(written: str) -> None:
    finished = finish("html", "", f"<p>{written}</p>")
    mail = filled("", finished, EXAMPLE)
    assert "{{ x }}" in mail.html
    assert mail.text == "{{ x }}\n"


@pytest.mark.parametrize(
    ("body", "lost"),
    [
        ("<p>\n<b {% if a %}id=x{% endif %}>a</b>", ("{% if a %}", 2)),
        ("<p {{ recipient.comment }}>a</p>", ("{{ recipient.comment }}", 1)),
        ("<style>\n{% if a %}p { color: red }{% endif %}</style>", ("{% if a %}", 2)),
        ("<x{{ recipient.email }}>a", ("{{ recipient.email }}", 1)),
    ],
)
def test_it_tells_which_merge_tag_has_no_place(body: str, lost: tuple[str, int]) -> None:
    found = finish("html", "", body).lost[0]
    assert (found.source, found.line) == lost


def test_it_tells_what_is_left_out() -> None:
    body = "<form><input></form><a href='javascript:x()' onclick=y()>a</a><script></script><marquee>"
    assert finish("html", "", body).left_out == ("form", "input", "javascript:", "marquee", "onclick", "script")
    assert finish("html", "", STYLED).left_out == ()


def test_text_alone_stays_as_it_was_written() -> None:
    assert finish("text", "", "<b> {{ x }}\n") == Finished("<b> {{ x }}\n")


def test_a_plain_text_of_ones_own_wins() -> None:
    assert finish("html", "", "<p>a</p>", "mine {{ x }}").text == "mine {{ x }}"
    assert finish("html", "", "<p>a</p>", " \n").text == "a\n"


def test_the_plain_text_says_what_the_html_says() -> None:
    body = """<div style="display:none">unseen<p>too</p></div><h1>Big &amp; bold</h1><p>one<br>two&nbsp;three
    four</p><ul><li>a<ul><li>b</li></ul></li></ul><ol><li>x</li><li>y</li></ol><blockquote><p>q</p><p>r</p></blockquote>
    <hr><pre>  a\n  b</pre><p>See <a href="https://example.com/?a=1&amp;b">this</a>, <a href="https://example.com">
    https://example.com</a>, <a href="mailto:a@example.com">a@example.com</a>, <a href="{{ unsubscribe_url }}">out</a>
    <a href="https://pic.example"><img src="cid:x" alt="Logo"></a></p>"""
    assert finish("html", "", body).text.split("\n") == [
        "Big & bold",
        "",
        "one",
        "two three four",
        "",
        "- a",
        "  - b",
        "",
        "1. x",
        "2. y",
        "",
        "> q",
        ">",
        "> r",
        "",
        "-" * 40,
        "",
        "  a",
        "  b",
        "",
        "See this (https://example.com/?a=1&b), https://example.com, a@example.com, out ({{ unsubscribe_url }})"
        " Logo (https://pic.example)",
        "",
    ]


MARKDOWN = """# Hi {{ recipient.full_name | default: "friend" }}

{% if recipient.comment != blank %}

We *know*: {{ recipient.comment }} <b>raw</b>

{% endif %}

- one
- [out]({{ unsubscribe_url }}) ![Logo](cid:logo@inline) [bad](javascript:alert)

| a | b |
|---|---|
| 1 | ~~2~~ |
"""


def test_markdown_becomes_a_mail() -> None:
    finished = finish("markdown", "", MARKDOWN)
    assert finished.lost == ()
    for part in (
        'Hi {{ recipient.full_name | default: "friend" }}</h1>\n{% if recipient.comment != blank %}\n<p',
        "We <em>know</em>: {{ recipient.comment }} &lt;b&gt;raw&lt;/b&gt;</p>\n{% endif %}\n<ul",
        '<a href="{{ unsubscribe_url }}" style=',
        '<img src="cid:logo@inline" alt="Logo" style=',
        "[bad](javascript:alert)",
        "<s>2</s></td>",
        "@media",
    ):
        assert part in finished.html
    assert filled("", finished, EXAMPLE).text.startswith("Hi Ana Novák\n\nWe know: met at the fair <b>raw</b>\n\n")


def test_what_is_filled_in_is_text() -> None:
    person = {"full_name": "<script>\"'&", "email": "a@example.com", "comment": ""}
    finished = finish("html", "", '<p title="{{ recipient.full_name }}">{{ recipient.full_name }}</p>')
    mail = filled("{{ recipient.full_name }}", finished, person)
    assert "<script" not in mail.html
    assert mail.html.count("&lt;script&gt;") == 2
    assert mail.text == "<script>\"'&\n"


@pytest.mark.parametrize(
    "written",
    [
        "<",
        "<!--",
        "<a ",
        '<a x="',
        "<div>",
        "<b>",
        "<![CDATA[",
        "{{",
        "{% raw %}",
        "<?",
        "&#",
        "{{x}}",
        "<table>",
        "</",
    ],
)
@pytest.mark.parametrize("kind", ["html", "markdown"])
def test_no_text_takes_more_time_than_its_length_is_worth(kind: str, written: str) -> None:
    def seconds(characters: int) -> float:
        body = written * (characters // len(written))
        return seconds_of(lambda: finish(kind, "", body))

    # One that is not linear takes 64 times as long; several tries, since a busy machine may take twice as long for one.
    assert any(seconds(40_000) < max(20 * seconds(5_000), 0.5) for _try in range(5))
