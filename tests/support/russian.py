"""Somebody who reads Russian, and a mailing of theirs with all that can be told of one."""

from __future__ import annotations

from datetime import timedelta

from core.clock import db_now
from core.models import User
from mailer.delivery.lease import renew_lease
from mailer.delivery.ledger import record
from mailer.delivery.outcome import Phase, Reply, classify_break, classify_reply
from mailer.delivery.schedule import run_schedule
from mailer.delivery.transitions import change_status
from mailer.importing import import_recipients
from mailer.models import Delivery, Mailing, Worker
from tests.support.choices import choose
from tests.support.mailings import make_mailing
from tests.support.results import a_worker, claimed, result

ACCEPTED = classify_reply(Phase.BODY, Reply(250, "2.0.0 принято"))


def a_reader(owner: User) -> User:
    """The owner, who reads Russian now, with recipients."""
    owner.full_name, owner.language, owner.time_zone = "Ольга Петрова", "ru", "Asia/Yekaterinburg"
    owner.save()
    rows = "\n".join(f"p{n}@example.com,Получатель {n},из зала" for n in range(4))
    import_recipients(owner, rows)
    return owner


def a_sent_mailing(reader: User) -> Mailing:
    """A mailing with an attempt of every kind."""
    mailing = make_mailing(reader, subject="Новости", body="Здравствуйте, {{ recipient.full_name }}!")
    change_status(mailing.pk, "start", reader)
    worker = a_worker()
    outcomes = [
        ACCEPTED,
        classify_reply(Phase.RCPT, Reply(550, "5.1.1 нет такого")),
        classify_reply(Phase.RCPT, Reply(450, "4.7.1 позже")),
        classify_break(Phase.BODY, "The connection was lost"),
    ]
    record(worker, [result(claim, outcome) for claim, outcome in zip(claimed(worker), outcomes, strict=True)])
    renew_lease(worker, "Connection refused by 127.0.0.1:25 (since 10:30 UTC)")
    return mailing


def end_its_window(mailing: Mailing) -> None:
    """What is left of it expires."""
    now = db_now()
    Mailing.objects.filter(pk=mailing.pk).update(starts_at=now - timedelta(hours=2), ends_at=now - timedelta(hours=1))
    run_schedule()


def that_sent_twice(mailing: Mailing) -> Delivery:
    """The mailing's uncertain delivery, resent by its owner's choice and accepted."""
    delivery = Delivery.objects.get(mailing=mailing, state="uncertain")
    choose(mailing, "resend", mailing.owner)
    worker = a_worker()
    record(worker, [result(claim, ACCEPTED) for claim in claimed(worker)])
    return delivery


def all_is_well() -> None:
    """No sender has trouble any more."""
    Worker.objects.update(trouble="")
