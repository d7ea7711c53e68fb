"""Frozen contents, loaded and compiled once per mailing."""

from __future__ import annotations

from collections.abc import Iterable

from mailer.delivery.compose import Composer
from mailer.merge_tags import TemplateProblem
from mailer.models import MailingContent


def load_composers(mailing_ids: Iterable[int]) -> dict[int, Composer | TemplateProblem]:
    """A composer for each of these launched mailings, or why its content does not compile."""
    return {content.pk: _composer(content) for content in MailingContent.objects.filter(pk__in=list(mailing_ids))}


def _composer(content: MailingContent) -> Composer | TemplateProblem:
    try:
        return Composer(content.subject, content.body, content.from_email)
    except TemplateProblem as problem:
        return problem
