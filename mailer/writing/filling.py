"""A message as one recipient gets it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mailer.merge_tags import compile_template
from mailer.signing import unsubscribe_url
from mailer.writing.finish import Finished

Person = Mapping[str, str]  # the recipient's fields


@dataclass(frozen=True)
class Filled:
    subject: str
    text: str
    html: str


def filled(subject: str, finished: Finished, person: Person) -> Filled:
    """Both templates filled in. Raises TemplateProblem."""
    subject = compile_template(subject).render({"recipient": person})
    context = context_for(person, subject)
    html = compile_template(finished.html, escape=True).render(context) if finished.html else ""
    return Filled(subject, compile_template(finished.text).render(context), html)


def context_for(person: Person, subject: str) -> dict[str, object]:
    return {"recipient": person, "mailing": {"subject": subject}, "unsubscribe_url": unsubscribe_url(0)}
