"""Whatever a template is, compiling and filling it in ends soon, says what is wrong in words, and tells no secrets.

The suite tries 50,000; `FUZZED_TEMPLATES` says another number.
"""

from __future__ import annotations

import math
import os
import random
import time

import pytest

from mailer.merge_fence import FencedEnvironment
from mailer.merge_tags import TemplateProblem, compile_template
from tests.support.cost import cheapest, plain_work, seconds_of

HOW_MANY = int(os.environ.get("FUZZED_TEMPLATES", "50000"))
SHARDS = 10  # which several processes can share
LONGEST = 5  # times what plain work takes; the worst takes 2.7, and 3.7 where others keep the caches busy
TRIES, PAUSE = 40, 0.05  # of what was slow, and the seconds in between
SECRET = "tell-nobody"

environment = FencedEnvironment()
FILTERS = sorted(environment.filters)
TAGS = sorted(name for name in environment.tags if name.isalpha())
WRITTEN = """
recipient.full_name | recipient.email | recipient.comment | recipient | recipient.secret | recipient['email']
recipient[0] | a[b] | a[b[0]] | recipient.email.size | recipient.full_name.secret | recipient.keys | ''.__class__
recipient.__class__ | recipient.full_name.__class__.__mro__ | recipient.full_name.format | a | b | x.y | now
forloop.index | '' | 'a' | "<b>" | '%Y' | 'now' | 1 | -1 | 0 | 2.5 | 99999999999999999999 | true | false | nil | empty
blank | (1..9) | (1..500) | (1..99999999) | (a..b) | '1999-02-29' | 'a,b,c' | recipient.comment.first
"""
VALUES = WRITTEN.replace("\n", " | ").strip(" |").split(" | ")
PUNCTUATION = "{{ }} {% %} {{- -}} {%- -%} | : , . .. ( ) [ ] ' \" = == < > - \n \t \0 \x85 é \U0001f600 {# #} endraw"


def value(chance: random.Random) -> str:
    return chance.choice(VALUES)


def filtered(chance: random.Random) -> str:
    text = value(chance)
    for _filter in range(chance.choice([0, 0, 1, 1, 2, 5])):
        arguments = ", ".join(value(chance) for _argument in range(chance.choice([0, 1, 1, 2])))
        text += f" | {chance.choice(FILTERS)}" + (f": {arguments}" if arguments else "")
    return text


def condition(chance: random.Random) -> str:
    operator = chance.choice(["==", "!=", "<", ">=", "contains", "and", "or"])
    return chance.choice([value(chance), f"{value(chance)} {operator} {value(chance)}"])


def block(chance: random.Random, depth: int) -> str:
    inside = template(chance, depth + 1)
    name = chance.choice("ab")
    return chance.choice(
        [
            f"{{% if {condition(chance)} %}}{inside}{{% else %}}{inside}{{% endif %}}",
            f"{{% unless {condition(chance)} %}}{inside}{{% endunless %}}",
            f"{{% for {name} in {value(chance)} {chance.choice(['', 'reversed', 'limit: 5', 'offset: 9'])} %}}"
            f"{inside}{{% endfor %}}",
            f"{{% tablerow {name} in {value(chance)} cols: {value(chance)} %}}{inside}{{% endtablerow %}}",
            f"{{% capture {name} %}}{inside}{{% endcapture %}}",
            f"{{% case {value(chance)} %}}{{% when {value(chance)} %}}{inside}{{% endcase %}}",
            f"{{% ifchanged %}}{inside}{{% endifchanged %}}",
            f"{{% assign {name} = {filtered(chance)} %}}{inside}",
            f"{{% raw %}}{inside}{{% endraw %}}",
            f"{{% comment %}}{inside}{{% endcomment %}}",
        ]
    )


def scraps(chance: random.Random) -> str:
    made_of = PUNCTUATION.split(" ") + TAGS + FILTERS + VALUES
    return " ".join(chance.choice(made_of) for _scrap in range(chance.randrange(1, 12)))


def template(chance: random.Random, depth: int = 0) -> str:
    pieces = [f"{{{{ {filtered(chance)} }}}}", "text ", "<p>", scraps(chance) if chance.random() < 0.2 else ""]
    pieces += [f"{{% {chance.choice(TAGS)} {filtered(chance)} %}}" if chance.random() < 0.1 else ""]
    if depth < 4:
        pieces.append(block(chance, depth))
    return "".join(chance.choice(pieces) for _piece in range(chance.randrange(1, 4)))


class Guarded(str):
    """A text with an attribute that no template may get at."""

    secret = SECRET
    __slots__ = ()


def context() -> dict[str, object]:
    person = {"full_name": Guarded("Ana <b>"), "email": Guarded("ana@example.com"), "comment": "x, y" * 20}
    return {"recipient": person, "mailing": {"subject": "News"}, "unsubscribe_url": "https://example.com/u/1"}


def try_out(source: str, *, escape: bool) -> None:
    assert SECRET not in fill_in(source, escape=escape), source


def fill_in(source: str, *, escape: bool) -> str:
    try:
        compiled = compile_template(source, escape=escape)
        compiled.unknown_tags()
        return compiled.render(context())
    except TemplateProblem as problem:
        return str(problem)


def seconds_taken(source: str, escape: bool) -> float:
    return seconds_of(lambda: try_out(source, escape=escape))


def times_plain_work(source: str, escape: bool) -> float:
    """By the least of several tries, over a while, at both: a busy machine's caches are everybody's."""
    taken = plain = math.inf
    for _try in range(TRIES):
        taken = min(taken, seconds_taken(source, escape))
        plain = min(plain, seconds_of(plain_work))
        if taken <= LONGEST * plain:
            break
        time.sleep(PAUSE)
    return taken / plain


@pytest.mark.parametrize("shard", range(SHARDS))
def test_no_template_breaks_out_or_takes_long(shard: int) -> None:
    slow = []
    suspicious = LONGEST * cheapest(plain_work)
    for seed in range(shard, HOW_MANY, SHARDS):
        source = template(random.Random(seed))
        escape = bool(seed // SHARDS % 2)
        if seconds_taken(source, escape) > suspicious and (times := times_plain_work(source, escape)) > LONGEST:
            slow.append((times, seed, source))
    assert not slow, sorted(slow, reverse=True)[:5]
