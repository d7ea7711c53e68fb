from __future__ import annotations

import pytest

from mailer.models import Message
from mailer.writing.checks import check

UNSUBSCRIBE = '<a href="{{ unsubscribe_url }}">out</a>'


def message(body: str, *, kind: str = "html", subject: str = "Hi", alternative: str = "") -> Message:
    return Message(kind=kind, subject=subject, body=body, alternative=alternative)


@pytest.mark.parametrize(
    ("written", "field", "complaint"),
    [
        (message("a\n<p>{{ recipient.email | }}</p>"), "body", "Line 2: "),
        (message("{{ recipient.shoe }}", kind="text"), "body", "Unknown merge tags: recipient.shoe. Known are: "),
        (message("a", subject="{{ unsubscribe_url }}"), "subject", "Unknown merge tags: unsubscribe_url"),
        (message("a", subject="{{ mailing.subject }}"), "subject", "Unknown merge tags: mailing.subject"),
        (message("a", alternative="a\n\n{% if %}"), "alternative", "Line 3: "),
        (
            message("a\n<p {% if true %}id=a{% endif %}>a</p>"),
            "body",
            "Line 2: the merge tag {% if true %} can't stand",
        ),
        (message("{% if true %}<script>{% endif %}</script>"), "body", "do not fit into its HTML"),
    ],
)
def test_it_says_what_is_wrong_and_where(written: Message, field: str, complaint: str) -> None:
    checked = check(written)
    assert list(checked.complaints) == [field]
    assert complaint in checked.complaints[field][0]


@pytest.mark.parametrize(
    ("written", "warnings"),
    [
        (message(UNSUBSCRIBE), []),
        (message("{{ unsubscribe_url }}", kind="text"), []),
        (message("[out]({{ unsubscribe_url }}) {{ mailing.subject }}", kind="markdown"), []),
        (message(UNSUBSCRIBE, subject=" "), ["no subject"]),
        (message("<p>a</p>"), ["no unsubscribe link"]),
        (message("a", kind="text"), ["no unsubscribe link"]),
        (message(UNSUBSCRIBE, alternative="without"), ["no unsubscribe link"]),
        (message("<img src=cid:a@inline>{% if false %}{{ unsubscribe_url }}{% endif %}"), ["not attached: a@inline"]),
        (message("<img src='https://example.com/a.png'>"), ["no unsubscribe link", "no plain text"]),
        (message(f"{UNSUBSCRIBE}<form></form>"), ["Left out, since it has no place in a mail: form"]),
        (message(f"{UNSUBSCRIBE}<img src='data:image/png;base64,AA'>"), ["data: addresses"]),
        (message(UNSUBSCRIBE + "<p>abcdefghi</p>" * 10_000), ["larger than 102 kB"]),
    ],
)
def test_it_says_what_should_be_looked_at(written: Message, warnings: list[str]) -> None:
    checked = check(written)
    assert checked.complaints == {}
    assert len(checked.warnings) == len(warnings)
    for said, warning in zip(checked.warnings, warnings, strict=True):
        assert warning in said


def test_a_picture_that_is_attached_is_not_missed() -> None:
    assert check(message(f"{UNSUBSCRIBE}<img src=cid:a@inline>"), {"a@inline"}).warnings == []
