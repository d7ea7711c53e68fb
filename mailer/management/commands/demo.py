"""manage.py demo: something to see at the first start. Real input through the product's own doors."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from datetime import date, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from core.event_loop import run
from core.models import User
from core.people import MANAGERS
from mailer import demo
from mailer.delivery.engine import Options, Until
from mailer.delivery.supervise import send_once
from mailer.delivery.transitions import change_status
from mailer.demo.messages import MESSAGES
from mailer.importing import import_recipients
from mailer.mailcatcher.smtp import PortTaken, running_catcher
from mailer.models import Mailing, Message, Recipient
from mailer.writing.attaching import attach

EMAIL, PASSWORD = "demo@example.com", "demo"
MANAGER = "manager@example.com"
RECIPIENTS = Path(demo.__file__).with_name("recipients.csv")
NEWSLETTER, PICTURE = RECIPIENTS.with_name("newsletter.html"), RECIPIENTS.with_name("harvest.jpg")
NEWSLETTER_SUBJECT = "Winter at the workshop, {{ recipient.full_name | default: 'friend' }}"
ROLES = ("bounce.", "full.", "greylist.", "slow.")
FINISHED_TO = 40  # recipients of the mailing that is already sent


class Command(BaseCommand):
    help = "Fill an embedded start with a demo owner, recipients, messages and mailings, once; say how to sign in."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.EMBEDDED:
            raise CommandError("The demo has a well-known password: it is for an embedded start alone.")
        if not User.objects.filter(email=EMAIL).exists():
            self._load()
        self.stdout.write(
            f"Mailing Service: {settings.SITE_URL}   sign in as {EMAIL}, password {PASSWORD}"
            f" (a manager: {MANAGER}, same password)"
        )

    def _load(self) -> None:
        owner = User.objects.create_user(EMAIL, PASSWORD, full_name="Demo Owner")
        owner.confirm_email()
        _make_manager()
        report = import_recipients(owner, RECIPIENTS.read_bytes())
        self.stdout.write(f"{report.added} recipients imported from {RECIPIENTS.name}; left out:")
        for row in report.invalid:
            self.stdout.write(f"  line {row.line}: {row.reason}")
        welcome, news, maintenance = (
            Message.objects.create(owner=owner, subject=subject, body=body) for subject, body in MESSAGES
        )
        _write_newsletter(owner)
        _make_finished(owner, welcome)
        _make_scheduled(owner, maintenance)
        _make_ready(owner, news)


def _write_newsletter(owner: User) -> None:
    """One in HTML, with a picture in it."""
    message = Message.objects.create(
        owner=owner, subject=NEWSLETTER_SUBJECT, kind=Message.Kind.HTML, body=NEWSLETTER.read_text()
    )
    attach(message.pk, [SimpleUploadedFile(PICTURE.name, PICTURE.read_bytes())])


def _make_manager() -> None:
    call_command("create_groups", verbosity=0, stdout=StringIO())
    manager = User.objects.create_user(MANAGER, PASSWORD, full_name="Demo Manager")
    manager.confirm_email()
    manager.groups.add(Group.objects.get(name=MANAGERS))


def _make_finished(owner: User, message: Message) -> None:
    """A mailing that has been sent, really, to people without a role to play."""
    now = timezone.now()
    mailing = Mailing.objects.create(
        owner=owner, message=message, everyone=False, starts_at=now, ends_at=now + timedelta(hours=1)
    )
    plain = [person for person in Recipient.objects.filter(owner=owner) if not person.email.startswith(ROLES)]
    mailing.recipients.add(*plain[:FINISHED_TO])
    change_status(mailing.pk, "start", owner)
    run(_send(mailing.pk))


async def _send(mailing_id: int) -> None:
    async with AsyncExitStack() as stack:
        catcher = running_catcher("127.0.0.1", settings.MAILCATCHER_PORT, settings.DATA_DIR / "mailcatcher")
        with suppress(PortTaken):  # then a catcher of this site runs already
            await stack.enter_async_context(catcher)
        await send_once(Options(settings.SEND_CONCURRENCY, Until.NOTHING_DUE, mailing_id), asyncio.Event())


def _make_scheduled(owner: User, message: Message) -> None:
    tomorrow = timezone.localdate() + timedelta(days=1)
    mailing = Mailing.objects.create(
        owner=owner, message=message, starts_at=_at(tomorrow, 9), ends_at=_at(tomorrow, 18)
    )
    change_status(mailing.pk, "schedule", owner)


def _at(day: date, hour: int) -> datetime:
    return timezone.make_aware(datetime(day.year, day.month, day.day, hour))


def _make_ready(owner: User, message: Message) -> None:
    now = timezone.now()
    Mailing.objects.create(owner=owner, message=message, starts_at=now, ends_at=now + timedelta(days=7))
