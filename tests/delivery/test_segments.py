"""Templates of text and plain tags are filled in without Liquid, and say what Liquid says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from mailer.delivery.bodies import Text
from mailer.delivery.segments import Segments, Unusual, segments_of
from mailer.merge_tags import TemplateProblem, compile_template

NAMES = ["recipient", "full_name", "email", "comment", "unsubscribe_url", "mailing", "nobody", "имя", "a-b", "_x9"]
VALUES = [
    "",
    " ",
    "\t",
    "\r\n",
    "a\nb\r",
    "<b>Ana & 'co'</b>",
    "{{ recipient.email }}",
    "{% if %}",
    "}}",
    "Zoë",
    "日本",
]

names = st.sampled_from(NAMES)
paths = st.lists(names, min_size=1, max_size=3).map(".".join) | st.builds("{}['{}']".format, names, names)
texts = st.text(max_size=12).filter(lambda text: not set("{}\"'\r") & set(text))
defaults = st.sampled_from(["", " | default", ' | default: ""', ' | default: "<i>friend</i>"']) | texts.map(
    " | default: '{}'".format
)
dashes = st.sampled_from(["", "-"])
tags = st.builds("{{{{{} {}{} {}}}}}".format, dashes, paths, defaults, dashes)
plain_text = st.text(max_size=30).filter(lambda text: "{{" not in text and "{%" not in text and text[-1:] != "{")
verbatim = plain_text.map("{{% raw %}}{{{{ {} }}}}{{% endraw %}}".format)
templates = st.lists(plain_text | tags | tags | verbatim, max_size=8).map("".join)

leaves: st.SearchStrategy[Any] = st.sampled_from(VALUES) | st.text(max_size=20) | st.none()
odd = st.booleans() | st.integers() | st.floats() | st.just("\ud800") | st.lists(st.text(max_size=3), max_size=2)
data = st.dictionaries(names, st.dictionaries(names, leaves | odd, max_size=8) | leaves | odd, max_size=8)
texts_only = st.dictionaries(names, st.dictionaries(names, leaves, max_size=8), max_size=8)


def outcome(render: Any, context: dict[str, Any]) -> str | None:
    try:
        return str(render(context))
    except TemplateProblem:
        return None


def compiled(source: str, escape: bool) -> Segments:
    segments = segments_of(compile_template(source, escape=escape))
    assert segments is not None
    return segments


@given(source=templates, context=data, escape=st.booleans())
@example("{{ recipient }}{{ recipient.full_name }}", {"recipient": {"full_name": False}}, False)
@example('{{ a | default: "\ud800" }}', {}, False)
@effort(max_examples=500)
def test_it_says_what_liquid_says(source: str, context: dict[str, Any], escape: bool) -> None:
    try:
        liquid = compile_template(source, escape=escape)
    except TemplateProblem:
        assume(False)
    assert outcome(Text(source, escape=escape).render, context) == outcome(liquid.render, context)


@given(source=templates, context=texts_only, escape=st.booleans())
@effort(max_examples=300)
def test_it_asks_liquid_about_nothing_that_is_text_or_missing(
    source: str, context: dict[str, Any], escape: bool
) -> None:
    try:
        segments = segments_of(compile_template(source, escape=escape))
    except TemplateProblem:
        assume(False)
    assert segments is not None
    try:
        rendered = segments.render(context)
    except Unusual:  # a whole dictionary asked for
        return
    assert rendered == compile_template(source, escape=escape).render(context)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Dear {{ recipient.full_name }},", "Dear Ana <b>,"),
        ("{{recipient['full_name']}}{{ recipient.none }}{{ recipient.full_name.none }}", "Ana <b>"),
        ('{{ recipient.none | default: "friend" }}/{{ recipient.blank_one | default: "friend" }}', "friend/friend"),
        ("a {{- recipient.full_name -}} b", "aAna <b>b"),
        ("{% raw %}{{ recipient.full_name }}{% endraw %}", "{{ recipient.full_name }}"),
        ("{{ recipient.tag }}", "{{ recipient.full_name }}"),
    ],
)
def test_it_fills_in(source: str, text: str) -> None:
    data = {"full_name": "Ana <b>", "blank_one": "", "tag": "{{ recipient.full_name }}"}
    assert compiled(source, escape=False).render({"recipient": data}) == text


def test_it_escapes_what_is_filled_in_and_not_what_was_written() -> None:
    source = '<b>{{ recipient.full_name | default: "<i>friend</i>" }}</b>'
    name = {"recipient": {"full_name": "\"Ana\" & 'co' <b>"}}
    assert compiled(source, escape=True).render({}) == "<b><i>friend</i></b>"
    assert compiled(source, escape=True).render(name) == "<b>&#34;Ana&#34; &amp; &#39;co&#39; &lt;b&gt;</b>"


@pytest.mark.parametrize(
    "source",
    [
        "{% if recipient.comment %}yes{% endif %}",
        "{{ recipient.full_name | upcase }}",
        "{{ recipient.full_name | default: recipient.email }}",
        "{{ recipient.full_name | default: 'x' | upcase }}",
        "{{ recipient.full_name | default: 'x', allow_false: true }}",
        "{{ recipient.full_name.size }}",
        "{{ recipient[0] }}{{ recipient[recipient.email] }}",
        "{{ now }}",
        "{{ 'text' }}",
    ],
)
def test_it_leaves_all_else_to_liquid(source: str) -> None:
    assert segments_of(compile_template(source)) is None


@pytest.mark.parametrize("value", [False, 0, 1.5, ["a"], {"a": "b"}])
def test_it_judges_no_data_but_text(value: object) -> None:
    with pytest.raises(Unusual):
        compiled("{{ recipient.value }}", escape=False).render({"recipient": {"value": value}})


def test_it_writes_no_more_than_liquid_may() -> None:
    text = Text("{{ recipient.comment }}" * 10)
    with pytest.raises(TemplateProblem, match=r"writes too much|too much to do"):
        text.render({"recipient": {"comment": "x" * 200_000}})
