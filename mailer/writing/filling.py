"""A message as one recipient gets it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings

from mailer.merge_tags import compile_template
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
    return {"recipient": person, "mailing": {"subject": subject}, "unsubscribe_url": sample_unsubscribe_url()}


def sample_unsubscribe_url() -> str:
    """What stands for a recipient's own link where there is no delivery."""
    return f"{settings.SITE_URL}/unsubscribe/"
