"""The part of a run that talks to the product's database: `python -m benchmarks.inside`, in the site's environment.

A request a line, `[name, argument, …]` as JSON; a reply a line. Ends with its standard input.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "asgi_project.settings")
django.setup()

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db.models import Count, Max, Min, Sum  # noqa: E402
from django.utils import timezone  # noqa: E402

from benchmarks.mails import BODY, HTML, SUBJECT, address  # noqa: E402
from core.models import User  # noqa: E402
from mailer.delivery.audit import audit_mailing  # noqa: E402
from mailer.delivery.transitions import change_status  # noqa: E402
from mailer.models import Attempt, Delivery, Mailing, MailingCount, Message, Recipient, Worker  # noqa: E402
from mailer.rates import Rate  # noqa: E402
from mailer.throttling import set_rate  # noqa: E402

BATCH = 5_000


def migrate() -> None:
    call_command("migrate", verbosity=0)


def make_owner(email: str, recipients: int) -> str:
    """A trusted owner with so many recipients; the key of a session of theirs."""
    owner = User.objects.create_user(email, sending_allowed_at=timezone.now())
    owner.confirm_email()
    people = (
        Recipient(
            owner=owner,
            email=address(number),
            address_key=address(number),
            full_name=f"Person {number}",
            comment=f"number {number}",
        )
        for number in range(recipients)
    )
    Recipient.objects.bulk_create(people, batch_size=BATCH)
    session = SessionStore()
    session[SESSION_KEY], session[HASH_SESSION_KEY] = str(owner.pk), owner.get_session_auth_hash()
    session[BACKEND_SESSION_KEY] = "core.backends.ConfirmedAddressBackend"
    session.create()
    return str(session.session_key)


def make_mailing(email: str, kind: str = "text") -> int:
    """A draft to all of the owner's recipients: of `text`, or of `html` with the text beside it."""
    owner = User.objects.get(email=email)
    written: dict[str, str] = {"body": BODY}
    if kind == "html":
        written = {"kind": "html", "body": HTML, "alternative": BODY}
    message = Message.objects.create(owner=owner, subject=SUBJECT, **written)
    now = timezone.now()
    mailing = Mailing.objects.create(
        owner=owner, message=message, starts_at=now - timedelta(minutes=1), ends_at=now + timedelta(days=1)
    )
    return mailing.pk


def limit(mailing_id: int, per_second: int) -> None:
    mailing = Mailing.objects.select_related("owner").get(pk=mailing_id)
    set_rate(mailing.owner, Rate(per_second, 1), mailing)


def start(mailing_id: int) -> None:
    """*Send now*, as its page does it."""
    change_status(mailing_id, "start", None)


def measured(mailing_id: int) -> dict[str, float]:
    """How many mails were accepted, and the seconds from the start of the first to the last reply."""
    accepted = Attempt.objects.filter(mailing=mailing_id, status=Attempt.Status.SUCCESS)
    found = accepted.aggregate(n=Count("pk"), first=Min("started_at"), last=Max("finished_at"))
    sent = Delivery.objects.filter(mailing=mailing_id, state=Delivery.State.SENT).count()
    seconds = (found["last"] - found["first"]).total_seconds() if found["n"] else 0.0
    return {"accepted": found["n"], "sent": sent, "seconds": seconds}


def reply_times(mailing_id: int) -> list[float]:
    """When each mail's reply came, in seconds of the epoch, in order."""
    found = Attempt.objects.filter(mailing=mailing_id).order_by("finished_at").values_list("finished_at", flat=True)
    return [at.timestamp() for at in found]


def has_sender() -> bool:
    """Whether a sender is running."""
    return Worker.objects.filter(lease_expires_at__gt=timezone.now()).exists()


def audit(mailing_id: int) -> dict[str, float]:
    """How long the proof of the mailing's ledger takes, and how many of its checks do not hold."""
    begun = time.perf_counter()
    checks = audit_mailing(mailing_id)
    return {"seconds": time.perf_counter() - begun, "differences": sum(not check.ok for check in checks)}


def progress(mailing_id: int) -> dict[str, Any]:
    """Where a large mailing stands, told by its counters."""
    mailing = Mailing.objects.get(pk=mailing_id)
    counts = MailingCount.objects.filter(mailing=mailing).values_list("state").annotate(Sum("n"))
    first = Attempt.objects.filter(mailing=mailing).order_by("pk").values_list("started_at", flat=True).first()
    return {
        "status": mailing.status,
        "counts": dict(counts),
        "made_at": mailing.materialised_at.timestamp() if mailing.materialised_at else None,
        "launched_at": mailing.launched_at.timestamp() if mailing.launched_at else None,
        "first_at": first.timestamp() if first else None,
    }


COMMANDS: dict[str, Callable[..., Any]] = {
    command.__name__: command
    for command in (
        migrate,
        make_owner,
        make_mailing,
        limit,
        start,
        measured,
        reply_times,
        has_sender,
        audit,
        progress,
    )
}


def main() -> None:
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(COMMANDS[name](*arguments)), flush=True)


if __name__ == "__main__":
    main()
