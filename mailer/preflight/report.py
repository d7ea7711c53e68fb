"""All that the pre-flight page says, read in one go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from core.clock import db_now
from mailer.delivery.allowance import allowance_of
from mailer.domains.names import is_aligned
from mailer.models import Mailing, SentTest
from mailer.preflight.content import Looked, look_at
from mailer.preflight.crowd import Crowd, crowd_of
from mailer.preflight.findings import Finding
from mailer.preflight.pace import Pace, expected_pace
from mailer.preflight.surroundings import about_account, about_sender, about_site, about_window, check_url
from mailer.senders import is_allowed, not_allowed, sender, sending_domain
from mailer.skipped import why_skipped

SHOWN_TESTS = 10


@dataclass(frozen=True)
class Sender:
    """From and its domain; the domain that signs, or "", and whether that counts for From's; where that is checked."""

    name: str
    address: str
    reply_to: str
    domain: str
    signed_for: str
    is_aligned: bool
    check_url: str


@dataclass(frozen=True)
class Preflight:
    """Blockers keep the mailing from going; warnings do not."""

    crowd: Crowd
    skips: list[tuple[str, str, int]]  # a group's word, its sentence, how many
    sender: Sender
    content: Looked
    begins: datetime
    has_ended: bool
    pace: Pace
    blockers: list[Finding]
    warnings: list[Finding]
    tests: list[SentTest]


def preflight(mailing: Mailing, action: str) -> Preflight:
    """What speaks against the action, *start* or *schedule*. The mailing has its message and its owner loaded."""
    now = db_now()
    crowd = crowd_of(mailing)
    content = look_at(mailing, crowd)
    begins = now if action == "start" else max(now, mailing.starts_at)
    allowance = allowance_of(mailing.owner_id, now)
    pace = expected_pace(crowd.reached, mailing, allowance) if crowd.reached else Pace()
    has_ended = mailing.ends_at <= now
    who = sender_of(mailing)
    warnings = [
        *content.warnings,
        *about_window(mailing, action, pace.seconds, begins),
        *about_sender(who.domain),
        *about_site(),
        *about_account(allowance, crowd.reached),
    ]
    return Preflight(
        crowd=crowd,
        skips=[(word, why_skipped(word), n) for word, n in crowd.skips.items()],
        sender=who,
        content=content,
        begins=begins,
        has_ended=has_ended,
        pace=pace,
        blockers=[*content.blockers, *_blockers(mailing, crowd), *_over(mailing, action, has_ended)],
        warnings=warnings,
        tests=list(SentTest.objects.filter(mailing=mailing).order_by("-pk")[:SHOWN_TESTS]),
    )


def sender_of(mailing: Mailing) -> Sender:
    name, address = parseaddr(sender(mailing.from_name, mailing.from_address))
    domain = sending_domain(address)
    signed_for = settings.DKIM_DOMAIN if settings.DKIM_KEY_FILE else ""
    is_counted = bool(signed_for) and is_aligned(domain, signed_for)
    return Sender(name, address, mailing.reply_to, domain, signed_for, is_counted, check_url(domain))


def _blockers(mailing: Mailing, crowd: Crowd) -> list[Finding]:
    edit = reverse("mailing_edit", args=[mailing.pk])
    found = []
    if not is_allowed(mailing.from_address):
        found.append(Finding(not_allowed(mailing.from_address), edit, _("Choose the sender")))
    if not mailing.owner.is_active:
        found.append(Finding(_("The owner of this mailing is blocked.")))
    if not crowd.total and mailing.everyone:
        found.append(Finding(_("There is nobody to send to."), reverse("recipient_list"), _("Add recipients")))
    elif not crowd.total:
        audience = reverse("mailing_audience", args=[mailing.pk])
        found.append(Finding(_("There is nobody to send to."), audience, _("Choose recipients")))
    elif not crowd.reached:
        found.append(Finding(_("Everybody whom it is for is suppressed: nobody would get it.")))
    return found


def _over(mailing: Mailing, action: str, has_ended: bool) -> list[Finding]:
    """*Send now* asks for a new end instead."""
    if not has_ended or action == "start":
        return []
    edit = reverse("mailing_edit", args=[mailing.pk])
    return [Finding(_("The window has ended. Choose a new end first."), edit, _("Change the window"))]
