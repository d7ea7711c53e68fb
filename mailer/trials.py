"""Test sends: a message as one recipient would get it, to addresses of one's choice."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.clock import db_now
from core.models import User
from mailer.addresses import address_key
from mailer.delivery.allowance import locked_allowances
from mailer.delivery.compose import Addressee, Composer, Envelope
from mailer.delivery.content import composer_of, content_of
from mailer.delivery.outcome import Kind, Outcome
from mailer.delivery.suppression import suppressed
from mailer.delivery.transport import transport_from_settings
from mailer.delivery.trial import deliver_each
from mailer.merge_tags import TemplateProblem
from mailer.models import Attachment, Mailing, MailingContent, SentTest
from mailer.senders import is_allowed, not_allowed
from mailer.signing import unsubscribe_url
from mailer.skipped import why_skipped
from mailer.writing.checks import told
from mailer.writing.filling import Person
from mailer.writing.freeze import content_now

MARK = "[Test] "
STATUS = {Kind.ACCEPTED: SentTest.Status.SUCCESS, Kind.UNCERTAIN: SentTest.Status.UNCERTAIN}


class TrialRefused(Exception):
    """Nothing is sent; its text says why, to the person who asked."""


@dataclass(frozen=True)
class Trial:
    """Who sends what to whom, filled in with whose fields. A message alone is a mailing that is not saved."""

    user: User
    mailing: Mailing
    person: Person
    addresses: Sequence[str]


@dataclass(frozen=True)
class Ready:
    """Mails to hand over with their rows in the ledger of tests, and the addresses that get none, each with why."""

    envelopes: list[Envelope]
    rows: list[SentTest]
    refused: list[tuple[str, str]]


async def send_test(trial: Trial) -> list[tuple[str, str]]:
    """Send it, and write down what became of it. Returns the addresses that got none, with why. Raises TrialRefused."""
    ready = await sync_to_async(_prepare)(trial)
    outcomes = await deliver_each(ready.envelopes, transport_from_settings())
    await sync_to_async(_settle)(ready.rows, outcomes)
    return ready.refused


def _prepare(trial: Trial) -> Ready:
    """Composed, and counted against the user's cap before any goes."""
    if not is_allowed(trial.mailing.from_address):
        raise TrialRefused(not_allowed(trial.mailing.from_address))
    by_key = {address_key(address): address for address in trial.addresses}
    words = suppressed(trial.mailing.owner_id, list(by_key))
    refused = [(by_key[key], why_skipped(word)) for key, word in words.items()]
    allowed = [address for key, address in by_key.items() if key not in words]
    content = content_now(trial.mailing, db_now())
    try:
        composer = _composer(content, trial.mailing)
        envelopes = [composer.compose(_addressee(address, trial.person, content)) for address in allowed]
    except TemplateProblem as problem:
        raise TrialRefused(told(problem)) from problem
    return Ready(envelopes, _counted(trial, allowed), refused)


def _composer(content: MailingContent, mailing: Mailing) -> Composer:
    """The mailing's own, but for the mark, and for what would count its mails at Gmail. Raises TemplateProblem."""
    made = content_of(content, Attachment.objects.filter(message=mailing.message_id).order_by("pk"))
    feedback_id = f"test:{made.feedback_id.partition(':')[2]}"
    return composer_of(replace(made, mark=MARK, feedback_id=feedback_id))


def _addressee(address: str, person: Person, content: MailingContent) -> Addressee:
    message_id = f"<test.{secrets.token_hex(12)}@{content.message_id_domain}>"
    return Addressee(address, "", message_id, dict(person), content.frozen_at, unsubscribe_url(0))


@transaction.atomic
def _counted(trial: Trial, addresses: list[str]) -> list[SentTest]:
    """A row for each mail. Raises TrialRefused where the user may not send so many now."""
    now = db_now()
    allowance = locked_allowances([trial.user.pk], now).get(trial.user.pk)
    if allowance is not None and allowance.left < len(addresses):
        raise TrialRefused(_beyond(allowance.left))
    mailing = trial.mailing if trial.mailing.pk else None
    rows = [
        SentTest(user=trial.user, message=trial.mailing.message, mailing=mailing, email=address, sent_at=now)
        for address in addresses
    ]
    return SentTest.objects.bulk_create(rows)


def _beyond(left: int) -> str:
    if settings.SENDING_REQUIRES_APPROVAL:
        return _("A new account sends nothing before a manager allows it.")
    return ngettext(
        "A new account sends at most %(most)s mails a day, tests too: %(left)s is left today.",
        "A new account sends at most %(most)s mails a day, tests too: %(left)s are left today.",
        left,
    ) % {"most": intcomma(settings.NEW_ACCOUNT_DAILY_CAP), "left": intcomma(left)}


def _settle(rows: list[SentTest], outcomes: list[Outcome]) -> None:
    for row, outcome in zip(rows, outcomes, strict=True):
        row.status = STATUS.get(outcome.kind, SentTest.Status.FAILURE)
        row.reply_code, row.enhanced_code = outcome.reply_code, outcome.enhanced_code
        row.server_response = outcome.server_response
    SentTest.objects.bulk_update(rows, ["status", "reply_code", "enhanced_code", "server_response"])
