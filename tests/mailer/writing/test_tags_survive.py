"""Whatever surrounds it, a merge tag comes through Markdown, sanitising and inlining as it was."""

from __future__ import annotations

import contextlib

from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailer.merge_tags import EXAMPLE, TemplateProblem
from mailer.writing.filling import filled
from mailer.writing.finish import finish
from mailer.writing.hiding import hide

TAGS = [
    '{{ recipient.full_name | default: "friend" }}',
    "{{ recipient.email | replace: '<', \"&\" }}",
    "{{- recipient.comment -}}",
    "{{ unsubscribe_url }}",
    '{{ "a>b" }}',
    "{{\n recipient.email\n}}",
]
words = st.text(alphabet=st.characters(exclude_characters="{}%", exclude_categories=["Cs", "Cc"]), max_size=20)
pieces = """
<p> </p> <table> <tr> <td> </td> <style> </style> <!-- --> <![CDATA[ <script> </script> <a~href= style=' <svg> a{b:c}
mt0q0z {{ }} &#123; {%~raw~%} {%~endraw~%} {%~comment~%} {%~endcomment~%}
{%~if~x~%} {%~endif~%}
"""
noise = st.lists(
    st.sampled_from([*"<>&\"'/=!-[]()*_`#|{}%\n ", *pieces.split(), *TAGS]).map(lambda piece: piece.replace("~", " ")),
    max_size=25,
).map("".join)
PLACES = [
    "<p>{}</p>",
    '<a href="{}">a</a>',
    '<table><tr><td title="x {} y">b</td></tr></table>',
    "<b style='color: {}'>c</b>",
    "<table><tr>{}<td>d</td></tr></table>",
    "<!--[if mso]>{}<![endif]-->",
    "<img src='https://example.com/{}.png'>",
]


@settings(max_examples=200, deadline=None)
@given(words, st.sampled_from(TAGS), st.sampled_from(PLACES), words)
def test_in_every_place_of_html(before: str, tag: str, place: str, after: str) -> None:
    escaped = [text.replace("&", "&amp;").replace("<", "&lt;") for text in (before, after)]
    finished = finish("html", tag, escaped[0] + place.format(tag) + escaped[1])
    assert finished.lost == ()
    assert finished.html.count(tag) == 2  # with the title


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="abc *_#-.,!?\n", max_size=30), st.sampled_from(TAGS), st.text(alphabet="abc \n", max_size=9))
def test_in_markdown(before: str, tag: str, after: str) -> None:
    finished = finish("markdown", "", f"{before} {tag} {after}\n\n[link]({tag}) ![picture]({tag})")
    assert finished.html.count(tag) == 3
    assert finished.text.count(tag) == 2


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(["html", "markdown"]), noise)
@example("html", "{{% raw %}{{% endraw %}")
@example("html", "<table {{ unsubscribe_url }}><tr>")
@example("html", "{<!---->{ x }}")
@example("markdown", "`{{ unsubscribe_url }}`{{")
def test_nothing_breaks_it_and_nothing_runs(kind: str, body: str) -> None:
    finished = finish(kind, body, body)
    with contextlib.suppress(TemplateProblem):
        assert "<script" not in filled("", finished, EXAMPLE).html


@settings(max_examples=500)
@given(noise)
def test_what_is_hidden_comes_back(source: str) -> None:
    """But for raw blocks, which become text, and notes, which go."""
    hidden = hide(source)
    if "{% raw %}" not in source and "{% comment %}" not in source and "{{" not in hidden.text:
        assert hidden.mark.sub(lambda found: hidden.tags[int(found[1] or found[2])].source, hidden.text) == source
