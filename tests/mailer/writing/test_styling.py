"""Style sheets that would grow too large in the elements are refused before they do; those of newsletters are not."""

from __future__ import annotations

import re

import pytest

from mailer.models import Message
from mailer.writing.checks import check
from mailer.writing.finish import finish
from tests.support.cost import at_most, seconds_of

LONG = "a" * 5_000
MANY = "<b></b>" * 3_000
COMPLAINT = "Its style sheets are too much"


def newsletter() -> str:
    """About what MJML makes: 200 rules, most of them for a class, and 2,000 elements."""
    reset = "body { margin: 0 } p { display: block; margin: 13px 0 } img { border: 0; line-height: 100% } "
    reset += "#outlook a { padding: 0 } table, td { border-collapse: collapse; mso-table-lspace: 0pt } "
    rules = "".join(
        f".column-{n} {{ width: {n}% !important; color: #333; font: 16px/1.5 Arial, 'Open Sans'; padding: 4px }} "
        f".column-{n} a:hover {{ color: #06c }} "
        for n in range(90)
    )
    narrow = "".join(f"  .column-{n} {{ width: 100% !important }}\n" for n in range(20))
    cell = '<tr><td class="column-{n} wide" style="padding: 2px"><p>Some words</p><a href="https://example.com">x</a>'
    cells = "".join(cell.format(n=n % 90) + "</td></tr>" for n in range(500))
    media = f"@media only screen and (max-width: 480px) {{\n{narrow}}}"
    return f"<style>{reset}{rules}{media}</style><table>{cells}</table>{{{{ unsubscribe_url }}}}"


def test_a_newsletter_passes() -> None:
    body = newsletter()
    assert 60_000 < len(body) < 100_000
    finished = finish("html", "", body)
    assert not finished.is_overstyled
    assert re.search(r'class="column-7 wide" style="[^"]*width: 7% *!important', finished.html)
    assert check(Message(subject="Hi", kind="html", body=body)).complaints == {}


@pytest.mark.parametrize(
    "css",
    [
        f"*{{--x:{LONG}}}",
        f"b{{--x:{LONG}}}",
        f".none, b {{--x:{LONG}}}",
        f"u, :not(u){{--x:{LONG}}}",
        f"@supports (color: red) {{ b {{--x:{LONG}}} }}",
        f".none {{}} }} b {{--x:{LONG}}}",
        f"\\62 {{--x:{LONG}}}",
        f"b{{--x:({{}}{LONG};u{{}})}}",
        f".c{{x:url(a\"b)}} *{{--x:{LONG}}} .c{{x:url(c\"d)}}",
        f".c{{x:url(a/*b)}} *{{--x:{LONG}}} .c{{x:url(c*/d)}}",
        f".c{{x:u\\72l(a\"b)}} *{{--x:{LONG}}} .c{{x:url(c\"d)}}",
        f".c{{x:'}}'}} *{{--x:{LONG}",
        "b{--x:" + f"{{{{ recipient.comment | default: '{LONG[:900]}' }}}} " * 5 + "}",
        "b{" + "".join(f"p{n:x}:b;" for n in range(15_000)) + "}",
        "b{a:b}" * 10_000,
        "b:not(u b, u i){a:b}" * 5_000,
        "u~b~b{}" * 80,
        "b{}" * 20_000,
        "b{" * 20_000,
    ],
)  # fmt: skip
def test_what_would_grow_too_large_is_refused_at_once(css: str) -> None:
    message = Message(subject="Hi", kind="html", body=f"<style>{css}</style>{MANY}")
    with at_most(2):
        checked = check(message)
    assert COMPLAINT in checked.complaints["body"][0]
    assert len(checked.finished.html) < 300_000


@pytest.mark.parametrize(
    "before",
    [
        "<b title='<style>'></b>",
        "<b title='<!--'></b>",
        "<!--[if mso]><b title='<![endif]-->",
        "<b title='<style></style><style>'></b>",
        "<!--[if mso]><style><![endif]-->",
    ],
)
def test_no_trick_hides_a_style_sheet(before: str) -> None:
    body = f"{before}<style>b{{--x:{LONG}}}</style><b title='</style>'></b>{MANY}"
    assert len(finish("html", "", body).html) < 300_000


def test_no_trick_hides_elements() -> None:
    css = f"<style>.c{{--x:{LONG}}}</style>"
    for elements in ("<b title='>' class=c></b>" * 2_000, "<b class='d C&#x63; c'></b>" * 2_000):
        assert finish("html", "", css + elements).is_overstyled


def test_what_is_not_closed_is_not_carried_on_without_end() -> None:
    opened = "".join(f"<b id={n}>" for n in range(900))
    closed = "<p>x" * 20_000
    with at_most(30 * seconds_of(lambda: finish("html", "", closed))):
        html = finish("html", "", f"<p>{opened}</p>{closed}").html
    assert len(html) < 5_000_000
    assert html.count("<p>") > 20_000


def test_it_is_told_where_the_message_is_written() -> None:
    from mailer.forms.messages import MessageForm

    body = f"<style>*{{--x:{LONG}}}</style>{MANY}"
    form = MessageForm({"subject": "Hi", "kind": "html", "body": body, "alternative": ""})
    assert not form.is_valid()
    assert COMPLAINT in form.errors["body"][0]
