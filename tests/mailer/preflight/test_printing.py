"""Which fields leave a hole where they are empty."""

from __future__ import annotations

import pytest

from mailer.merge_tags import compile_template
from mailer.preflight.printing import printed_bare

CASES = {
    "Hello": set(),
    "{{ recipient.full_name }}": {"full_name"},
    "{{ recipient.full_name | upcase }}, {{ recipient['comment'] }}": {"full_name", "comment"},
    "{{ recipient.full_name | default: 'friend' }}": set(),
    "{{ recipient.full_name | default: 'friend' | upcase }}": set(),
    "{{ recipient.full_name | default: 'x' }} {{ recipient.full_name }}": {"full_name"},
    "{% if recipient.full_name != blank %}{{ recipient.full_name }}{% else %}friend{% endif %}": set(),
    "{% if recipient.comment %}{{ recipient.full_name }}{% endif %}": {"full_name"},
    "{% unless recipient.full_name == '' %}{{ recipient.full_name }}{% endunless %}": set(),
    "{% if true and recipient.comment %}{% for n in (1..3) %}{{ recipient.comment }}{% endfor %}{% endif %}": set(),
    "{% case recipient.comment %}{% when '' %}x{% else %}{{ recipient.comment }}{% endcase %}": set(),
    "{% for n in (1..3) %}{{ recipient.comment }}{% endfor %}": {"comment"},
    "{% echo recipient.comment %}{{ unsubscribe_url }}{{ mailing.subject }}": {"comment"},
    "{% raw %}{{ recipient.comment }}{% endraw %}{% comment %}{{ recipient.full_name }}{% endcomment %}": set(),
}


@pytest.mark.parametrize("source", CASES)
def test_it_finds_what_is_printed_without_a_default(source: str) -> None:
    assert printed_bare(compile_template(source)) == CASES[source]
