from __future__ import annotations

import contextlib
import re
import tracemalloc
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailer.merge_fence import LOADING_TAGS
from mailer.merge_tags import EXAMPLE, TemplateProblem, compile_template
from tests.support.cost import at_most

CONTEXT = {"recipient": EXAMPLE}
pieces = st.sampled_from(
    re.split(
        " ",
        "{{ }} {% %} recipient.full_name | default: 'x' for i in (1..9999) endfor if endif assign a = times: 999 "
        ".__class__ [0] slice: 1 capture case when raw endraw - \n",
    )
)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ('{{ recipient.full_name | default: "friend" }}', "Ana Novák"),
        ('{{ recipient.nothing | default: "friend" }}', "friend"),
        ("{{ recipient.full_name.__class__ }}", ""),
        ("{{ recipient.keys }}{{ recipient.get }}", ""),
        ("{% if recipient.comment != blank %}yes{% endif %}", "yes"),
        ("{{ settings.SECRET_KEY }}{% debug %}", None),
    ],
)
def test_it_fills_in_data_and_nothing_else(source: str, text: str | None) -> None:
    if text is None:
        with pytest.raises(TemplateProblem):
            compile_template(source)
    else:
        assert compile_template(source).render(CONTEXT) == text


def test_an_empty_value_takes_the_default() -> None:
    template = compile_template('{{ recipient.full_name | default: "friend" }}')
    assert template.render({"recipient": {"full_name": ""}}) == "friend"


def test_it_names_the_tags_that_nobody_has() -> None:
    template = compile_template("{{ recipient.email }}{{ x.y }}{% for i in recipient.list %}{{ i }}{% endfor %}")
    assert template.unknown_tags() == ["recipient.list", "x.y"]


@pytest.mark.parametrize(
    ("source", "unknown"),
    [
        ("{{ recipient['email'] }}{{ recipient.email.size }}", []),
        ("{{ recipient.full_name_of_mother }}", ["recipient.full_name_of_mother"]),
        ("{{ recipient.email.domain }}", ["recipient.email.domain"]),
        ("{{ recipient }}", ["recipient"]),
        ("{% for part in recipient %}{{ part }}{% endfor %}", ["recipient"]),
        ("{% liquid\n echo recipient.foo %}", ["recipient.foo"]),
        ("{% if false %}{{ x }}{% endif %}", ["x"]),
    ],
)
def test_it_knows_a_tag_by_its_whole_name(source: str, unknown: list[str]) -> None:
    assert compile_template(source).unknown_tags() == unknown


@pytest.mark.parametrize(
    ("applied", "complaint"),
    [
        ("'a' | shout", "unknown filter “shout”"),
        ("'a' | replace", "replace: missing a required argument"),
        ("'a' | upcase: 1", "upcase: too many positional arguments"),
        ("'a' | default: 'b', allow_true: true", "default: got an unexpected keyword argument"),
        ("'a' | escape: environment: 1", "escape: .*environment"),
    ],
)
def test_it_finds_a_filter_that_cannot_work_in_a_branch_that_is_not_taken(applied: str, complaint: str) -> None:
    with pytest.raises(TemplateProblem, match=complaint) as caught:
        compile_template(f"one\n{{% if false %}}\n{{{{ {applied} }}}}{{% endif %}}")
    assert caught.value.line == 3


def test_every_filter_takes_what_liquid_gives_it() -> None:
    source = "{{ 'a,b' | escape | split: ',' | join: ' ' | default: 'x', allow_false: true | truncate: 5, '…' }}"
    assert compile_template(source).render(CONTEXT) == "a b"


@pytest.mark.parametrize("name", LOADING_TAGS)
def test_it_loads_nothing_from_elsewhere(name: str) -> None:
    with pytest.raises(TemplateProblem):
        compile_template(f"{{% {name} 'other' %}}")


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in (1..1000000) %}x{% endfor %}",
        "{% for i in (1..999) %}{% for j in (1..999) %}x{% endfor %}{% endfor %}",
    ],
)
def test_it_does_not_loop_for_ever(source: str) -> None:
    with at_most(1), pytest.raises(TemplateProblem):
        compile_template(source).render(CONTEXT)


@pytest.mark.parametrize(
    "source",
    [
        "{{ (1..30000000) | join: 'x' | size }}",
        "{{ 'xxxxxxxxxx'" + " | replace: '', 'xxxxxxxxxx'" * 9 + " | size }}",
        "{{ 5 | round: -99999999 }}",
        "{{ 5 | round: '-99999999' }}",
        "{% assign a = (1..30000000) | sort %}",
        "{% assign a = 12345 %}{% for i in (1..900) %}{% assign a = a | times: a %}{% endfor %}",
        "{% assign a = 'b' | split: '' %}{% for i in (1..50) %}{% assign a = a | concat: a %}{% endfor %}",
        "{% for i in (1..1000) %}" + "{{ 'a' | upcase }}" * 500 + "{% endfor %}",
    ],
    ids=lambda source: source[:40],
)
def test_no_filter_fills_the_memory_or_works_for_ever(source: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(TemplateProblem, match=r"too much to do|limit reached|a range goes"):
            compile_template(source).render(CONTEXT)
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()


LONG = 190_000  # characters; a message may have 200,000


@pytest.mark.parametrize(
    "source",
    [
        "{{" * (LONG // 2),
        "{%" * (LONG // 2),
        "{{ " + " " * LONG,
        "{{ " + " " * LONG + "}}",
        "{% if " + " " * LONG + "%}",
        "{% raw %}" * (LONG // 9),
        "{% doc %}" * (LONG // 9),
        "{% comment %}{{ {% endcomment %}",
        "{{ " + "(" * 900 + " }}",
        "{{ a" + "[a" * 300 + "]" * 300 + " }}",
        "{{ a }}" * 20_000,
        "{% if a" + " or a" * 100 + " %}{% endif %}",
        "{{ '" + "x" * 2_000 + "' }}",
        "{% for i in (1..300000000) reversed %}{% endfor %}",
        "{% for i in (1..9999999999) offset: 9999999990 %}{% endfor %}",
        "{% for i in (1..recipient.comment) %}{% endfor %}",
        "{% if (1..9999999999) contains 'a' %}{% endif %}",
    ],
    ids=lambda source: source[:30],
)
def test_it_says_soon_what_it_will_not_read(source: str) -> None:
    with at_most(0.2), pytest.raises(TemplateProblem) as caught:
        compile_template(source)
    assert caught.value.line == 1


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ 'now' | date: '%Y-%m-%d' }}", "2026-11-23"),
        ("{{ 'today' | date: '%H:%M' }} {{ now | date: '%Y' }}", "09:30 2026"),
    ],
)
def test_the_time_is_the_one_that_it_is_given(source: str, text: str) -> None:
    assert compile_template(source).render({"now": datetime(2026, 11, 23, 9, 30, tzinfo=UTC)}) == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>{{ recipient.full_name }}</p>", "<p>Ana &lt;b&gt;</p>"),
        ("<p>{{ recipient.full_name | upcase }}</p>", "<p>ANA &lt;B&gt;</p>"),
        ("<p>{{ recipient.full_name | escape }}</p>", "<p>Ana &lt;b&gt;</p>"),
        ("{{ recipient.none | default: '<i>friend</i>' }}", "<i>friend</i>"),
        ("{% capture name %}<b>{{ recipient.full_name }}</b>{% endcapture %}{{ name }}", "<b>Ana &lt;b&gt;</b>"),
        ("{% assign name = recipient.full_name %}{{ name }}", "Ana &lt;b&gt;"),
        ('<a href="https://x.example/?q={{ recipient.full_name | url_encode }}">', None),
    ],
)
def test_a_template_of_html_escapes_what_is_filled_in(source: str, text: str | None) -> None:
    expected = text or '<a href="https://x.example/?q=Ana+%3Cb%3E">'
    assert compile_template(source, escape=True).render({"recipient": {"full_name": "Ana <b>"}}) == expected


@pytest.mark.parametrize("escape", [True, False])
def test_no_filter_takes_the_escaping_back(escape: bool) -> None:
    with pytest.raises(TemplateProblem, match="unknown filter “safe”"):
        compile_template("{{ recipient.full_name | safe }}", escape=escape)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ recipient.full_name | split: ' ' | reverse | join: ', ' }}", "Novák, Ana"),
        ("{{ recipient.email | replace: '@', ' at ' }}", "ana at example.com"),
        ("{{ 5.126 | round: 2 }} {{ 7 | round }} {{ 12 | times: 12 }}", "5.13 7 144"),
        ("{% for i in (1..3) %}{{ i }}{% endfor %}", "123"),
    ],
)
def test_everyday_filters_have_room(source: str, text: str) -> None:
    assert compile_template(source).render(CONTEXT) == text


@settings(max_examples=300)
@given(st.one_of(st.text(max_size=60), st.lists(pieces, max_size=12).map("".join)))
@example("{{ 'x' | times: 99999999999 }}")
@example("{{ recipient.full_name | slice: 'x' }}")
@example("{{ " + "9" * 5000 + " }}")
@example("{{ a" + "[a" * 3000 + "]" * 3000 + " }}")
@example("{% if a %}" * 2000)
@example("{{ '\ud800' }}")
def test_no_template_breaks_it(source: str) -> None:
    with contextlib.suppress(TemplateProblem):
        template = compile_template(source)
        template.unknown_tags()
        template.render(CONTEXT)
