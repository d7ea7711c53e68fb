"""Somebody who reads Russian, and a mailing of theirs with all that can be told of one."""

from __future__ import annotations

from core.models import User
from mailer.delivery.claim import renew_lease
from mailer.delivery.ledger import record
from mailer.delivery.outcome import Phase, Reply, classify_break, classify_reply
from mailer.delivery.schedule import change_status
from mailer.importing import import_recipients
from mailer.models import Mailing
from tests.support.mailings import make_mailing
from tests.support.results import a_worker, claimed, result


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
        classify_reply(Phase.BODY, Reply(250, "2.0.0 принято")),
        classify_reply(Phase.RCPT, Reply(550, "5.1.1 нет такого")),
        classify_reply(Phase.RCPT, Reply(450, "4.7.1 позже")),
        classify_break(Phase.BODY, "The connection was lost"),
    ]
    record(worker, [result(claim, outcome) for claim, outcome in zip(claimed(worker), outcomes, strict=True)])
    renew_lease(worker, "Connection refused by 127.0.0.1:25 (since 10:30 UTC)")
    return mailing
