"""What everybody sends: 2 kB of text with three merge tags; and the same again with a body of 2 kB in HTML."""

from __future__ import annotations

SIZE = 2_000  # characters of a body
SENDER = "News <news@example.com>"
SUBJECT = "News of the week"

_PARAGRAPH = (
    "There is more to tell than fits here: the garden opens on Saturday,\n"
    "the choir sings on Sunday, and whoever has a spare umbrella is asked\n"
    "to bring it along, since nobody knows what the weather will do.\n\n"
)


def _filled(opening: str, paragraph: str, size: int) -> str:
    text = opening
    while len(text) + len(paragraph) <= size:
        text += paragraph
    return text + "." * (size - len(text) - 1) + "\n"


_OPENING = (
    "Dear {{ recipient.full_name }},\n\n"
    "this goes to {{ recipient.email }}, of whom we know: {{ recipient.comment }}.\n\n"
)
BODY = _filled(_OPENING, _PARAGRAPH, SIZE)
HTML = _filled(_OPENING.replace("\n\n", "<br><br>"), f"<p>{_PARAGRAPH}</p>\n", SIZE)


def filled_in(number: int) -> str:
    """The body as a peer sends it to that recipient: filled in by nothing cleverer than str.replace."""
    person = (("full_name", f"Person {number}"), ("email", address(number)), ("comment", f"number {number}"))
    body = BODY
    for name, value in person:
        body = body.replace(f"{{{{ recipient.{name} }}}}", value)
    return body


def address(number: int) -> str:
    return f"r{number}@example.com"
