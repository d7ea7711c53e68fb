"""People who press the same button together, and who change everything while it is being sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from asgiref.sync import async_to_sync
from django.db import connections

from core.models import User
from mailer.delivery.engine import Until
from mailer.delivery.materialise import FIRST_CHUNK
from mailer.delivery.schedule import run_schedule
from mailer.delivery.transitions import TransitionRefused, change_status
from mailer.models import AuditEntry, Delivery, Mailing, MailingContent, Recipient
from tests.chaos.support.people import delete_recipient
from tests.chaos.support.report import Report
from tests.support.engine import send
from tests.support.mailings import counted, make_crowd, make_mailing, really_counted
from tests.support.pool import patient_pool
from tests.support.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 50
DELETED = 5


def test_fifty_at_once_start_one_run(owner: User, report: Report) -> None:
    make_crowd(owner, FIRST_CHUNK + 1)
    mailing = make_mailing(owner)

    def press_send(_person: int) -> bool:
        try:
            change_status(mailing.pk, "start", owner)
        except TransitionRefused:
            return False
        else:
            return True
        finally:
            connections.close_all()

    with patient_pool(), ThreadPoolExecutor(AT_ONCE) as people:
        started = sum(people.map(press_send, range(AT_ONCE)))
    run_schedule()
    report.add(f"{AT_ONCE} people press Send at once", also=f"{started} run")
    assert started == 1
    assert MailingContent.objects.filter(mailing=mailing).count() == 1
    assert list(AuditEntry.objects.values_list("action", flat=True)) == ["start"]
    assert counted(mailing) == really_counted(mailing) == {"queued": FIRST_CHUNK + 1}


def test_what_was_launched_is_what_is_sent(
    launched: Callable[[int], Mailing], site: Callable[[SmtpServer], None], report: Report
) -> None:
    """Whatever becomes of the message and the recipients meanwhile, and the ledger still says to whom."""
    mailing = launched(60)
    with SmtpServer() as server:
        site(server)

        with ThreadPoolExecutor(1) as people:
            meddled: list[None] = []

            def meddle(_recorded: object) -> None:
                if not meddled:
                    meddled.append(people.submit(edit_everything, mailing.pk).result())

            async_to_sync(send)(Until.ALL_CLOSED, concurrency=2, on_recorded=meddle)
            people.submit(connections.close_all).result()
    report.add("edited and deleted in mid-mailing", also=f"{len(server.accepted)} mails taken, as launched")
    subjects = Counter(line for mail in server.accepted for line in mail.content.split(b"\r\n") if b"Subject" in line)
    assert subjects == {b"Subject: News": 60}
    assert {mail.rcpt_to for mail in server.accepted} == {f"r{n}@example.com" for n in range(60)}
    sent = Delivery.objects.filter(mailing=mailing, state="sent")
    assert set(sent.values_list("email", flat=True)) == {f"r{n}@example.com" for n in range(60)}
    assert sent.filter(recipient=None).count() == DELETED


def edit_everything(mailing_id: int) -> None:
    mailing = Mailing.objects.select_related("message", "owner").get(pk=mailing_id)
    mailing.message.subject = mailing.message.body = "Something else"
    mailing.message.save()
    for recipient in Recipient.objects.filter(owner=mailing.owner).order_by("-pk")[1 : DELETED + 1]:
        delete_recipient(recipient)
    Recipient.objects.filter(owner=mailing.owner).update(full_name="Somebody else")
    Recipient.objects.filter(owner=mailing.owner, email="r59@example.com").update(email="elsewhere@example.com")
