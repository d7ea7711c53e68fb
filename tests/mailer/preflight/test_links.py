"""Links are judged by their looks."""

from __future__ import annotations

import pytest

from mailer.preflight.links import links_in
from tests.support.cost import at_most

OURS = "https://mail.example.com"
BROKEN = [
    "",
    "#nowhere",
    "www.example.com",
    "/page",
    "page.html",
    "https://",
    "https://localhost/x",
    "http://127.0.0.1:8000/",
    "https://intranet/",
    "http://https://example.com",
    "https://example.com/a b",
    "https://example.com:port/",
    "https://example.com/{{ x }}",
    "https://[::1",
    "htps://example.com",
    "mailto:",
]
GOOD = [
    "https://example.com",
    "https://example.com/a?b=c#d",
    "https://пример.рф/страница",
    "mailto:a@example.com",
    "tel:+49123",
    "#here",
    "#top",
    f"{OURS}/u/x/",
]


@pytest.mark.parametrize("address", BROKEN)
def test_a_link_that_leads_nowhere_is_found(address: str) -> None:
    assert links_in("", f'<a href="{address}">x</a>', OURS).broken == [address]


@pytest.mark.parametrize("address", GOOD)
def test_a_good_one_is_let_be(address: str) -> None:
    links = links_in("", f'<p id="here"><a href="{address}">x</a></p>', OURS)
    assert (links.broken, links.unencrypted) == ([], [])


def test_plain_http_is_found_in_text_and_pictures_each_once() -> None:
    html = '<img src="http://example.com/a.png"><img src="cid:a@inline"><a href="http://example.com/b">x</a>'
    links = links_in("See http://example.com/b, and (http://example.com/c).", html, OURS)
    assert links.unencrypted == ["http://example.com/a.png", "http://example.com/b", "http://example.com/c"]
    assert links.broken == []


@pytest.mark.parametrize(
    "html",
    [
        '<table background="{}"><tr><td>x</td></tr></table>',
        '<td style="color: red; background: #fff url({}) no-repeat">x</td>',
        """<p style="background-image: URL( '{}' )">x</p>""",
        "<p style='list-style: url(&quot;{}&quot;)'>x</p>",
        "<style>@media (max-width: 600px) {{ .a > b {{ background: url({}) }} }}</style><p>x</p>",
        '<style>.a {{ background: url("https://example.com/b.png"), url("{}") }}</style><p>x</p>',
    ],
)
def test_plain_http_is_found_in_backgrounds_and_styles(html: str) -> None:
    links = links_in("", html.format("http://example.com/a.png"), OURS)
    assert (links.unencrypted, links.broken) == (["http://example.com/a.png"], [])
    assert links_in("", html.format("a.png"), OURS).broken == ["a.png"]


def test_a_background_that_is_loaded_from_nowhere_is_let_be() -> None:
    html = """<td background="" style="background: url(cid:a@inline), url(data:image/png;base64,AAAA), url(), url('')">
    <style>a { fill: url(#b) }</style><p>In words: url(http://example.com/a.png)</p><style>a { color: red }</style>"""
    links = links_in("", html, OURS)
    assert (links.unencrypted, links.broken) == ([], [])


@pytest.mark.parametrize("css", ["url(", "url('", "url( ", "url(a ", "url(" + " " * 99], ids=repr)
def test_styles_that_are_written_to_be_slow_are_read_at_once(css: str) -> None:
    with at_most(1):
        links_in("", f"<style>{css * 10_000}url({' ' * 200_000}</style>", OURS)


def test_the_sites_own_links_to_unsubscribe_are_not_counted_link_by_link() -> None:
    assert links_in("http://127.0.0.1:8000/u/x/", "", "http://127.0.0.1:8000").broken == []
