from __future__ import annotations

import contextlib
import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailer.merge_tags import EXAMPLE, TemplateProblem, compile_template

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
    "source",
    [
        "{% for i in (1..1000000) %}x{% endfor %}",
        "{% for i in (1..999) %}{% for j in (1..999) %}x{% endfor %}{% endfor %}",
    ],
)
def test_it_does_not_loop_for_ever(source: str) -> None:
    started = time.perf_counter()
    with pytest.raises(TemplateProblem):
        compile_template(source).render(CONTEXT)
    assert time.perf_counter() - started < 1


@settings(max_examples=300)
@given(st.one_of(st.text(max_size=60), st.lists(pieces, max_size=12).map("".join)))
@example("{{ 'x' | times: 99999999999 }}")
@example("{{ recipient.full_name | slice: 'x' }}")
def test_no_template_breaks_it(source: str) -> None:
    with contextlib.suppress(TemplateProblem):
        template = compile_template(source)
        template.unknown_tags()
        template.render(CONTEXT)
