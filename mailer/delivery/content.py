"""Frozen contents, loaded and compiled once per mailing."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from hashlib import sha256

from django.conf import settings

from mailer.addresses import ascii_address
from mailer.delivery.compose import Composer, Content
from mailer.delivery.dkim import signer_from_settings
from mailer.delivery.dkim_keys import KeyProblem
from mailer.delivery.mime import Part
from mailer.merge_tags import TemplateProblem
from mailer.models import Attachment, FrozenAttachment, MailingContent

logger = logging.getLogger(__name__)

Problem = TemplateProblem | KeyProblem


def load_composers(mailing_ids: Iterable[int]) -> dict[int, Composer | Problem]:
    """A composer for each of these launched mailings, or why its mails can't be made."""
    frozen = MailingContent.objects.filter(pk__in=list(mailing_ids)).select_related("mailing")
    return {content.pk: _composer(content) for content in frozen}


def _composer(frozen: MailingContent) -> Composer | Problem:
    try:
        return composer_of(content_of(frozen, frozen.attachments.order_by("pk")))
    except TemplateProblem as problem:
        return problem
    except KeyProblem as problem:
        logger.error("Mailing %s can't be signed: %s", frozen.pk, problem)
        return problem


def composer_of(content: Content) -> Composer:
    """One that signs, where the site does. Raises TemplateProblem, and KeyProblem, whose text names the file."""
    signer = signer_from_settings()
    return Composer(content, signer.sign if signer else None)


def content_of(frozen: MailingContent, files: Iterable[FrozenAttachment | Attachment]) -> Content:
    """All that the mailing's mails have in common. The same at every attempt, as far as the settings are."""
    return Content(
        subject=frozen.subject,
        text=frozen.body,
        html=frozen.html,
        attachments=tuple(Part(file.name, file.content_type, bytes(file.data), file.content_id) for file in files),
        from_email=frozen.from_email,
        reply_to=frozen.reply_to,
        list_id=_list_id(frozen),
        feedback_id=_feedback_id(frozen),
        unsubscribe_mailto=settings.UNSUBSCRIBE_MAILTO,
        token=frozen.token,
    )


def _list_id(frozen: MailingContent) -> str:
    """An owner's recipients are one list (RFC 2919)."""
    return f"owner-{frozen.mailing.owner_id}.{_domain(frozen)}"


def _feedback_id(frozen: MailingContent) -> str:
    """Gmail's four fields: campaign, customer, kind of mail, and the sender, in 5 to 15 characters, ever the same."""
    sender = sha256(_domain(frozen).encode()).hexdigest()[:12]
    return f"mailing-{frozen.pk}:owner-{frozen.mailing.owner_id}:mailing:{sender}"


def _domain(frozen: MailingContent) -> str:
    return ascii_address(f"@{frozen.message_id_domain}")[1:]
