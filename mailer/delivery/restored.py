"""A restored backup mails nobody again: where this folder knows more than the database, what runs is held for a person.

Each database has a line of history, named by a token. One that went back begins a new line, so that it is held once
and not by every machine that comes later; the journals of the old line prove nothing by their silence any more.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction

from core.clock import db_now
from mailer.delivery.marks import Mark, forget_marks, read_marks
from mailer.delivery.transitions import TransitionRefused, change_status
from mailer.locks import locked_mailing
from mailer.models import Instance, Mailing, Worker
from mailer.reasons import OTHER_DATABASE, RESTORED, StatusReason

logger = logging.getLogger(__name__)

ONLY = 1  # the key of the one row
Status = Mailing.Status

Held = dict[int, StatusReason]
"""Mailings that were held, and why."""


@dataclass(frozen=True, slots=True)
class Line:
    """The database's line of history, and the one that it left when it was restored."""

    token: str = ""
    forked_from: str = ""


def current_line() -> Line:
    row = Instance.objects.filter(pk=ONLY).values_list("token", "forked_from").first()
    return Line(*row) if row else Line()


@transaction.atomic
def check_history(folder: Path) -> tuple[Line, Held]:
    """Hold what runs or waits for its time if the database is older than the folder knows, or is another one.

    Once: afterwards the folder knows the database as it is. An empty folder knows nothing, and takes to any database.
    """
    held: Held = {}
    Instance.objects.get_or_create(pk=ONLY, defaults={"token": secrets.token_hex(16)})
    instance = Instance.objects.select_for_update().get(pk=ONLY)
    marks = read_marks(folder)
    if any(_is_ahead(mark, instance.token) for mark in marks):
        instance.forked_from, instance.token = instance.token, secrets.token_hex(16)
        instance.save()
        held = _hold_everything(StatusReason(RESTORED))
        forgotten = marks
    elif any(mark.instance not in (instance.token, instance.forked_from) for mark in marks):
        held = _hold_everything(StatusReason(OTHER_DATABASE))
        forgotten = marks
    else:
        forgotten = [mark for mark in marks if _is_over(mark)]
    # Where this fails to be committed it is found out again: by the marks of the workers that are to come.
    transaction.on_commit(lambda: forget_marks(folder, [mark.worker for mark in forgotten]))
    return Line(instance.token, instance.forked_from), held


def _is_ahead(mark: Mark, token: str) -> bool:
    return mark.instance == token and not Worker.objects.filter(pk=mark.worker, mark__gte=mark.n).exists()


def _is_over(mark: Mark) -> bool:
    """Whether that worker has ended: the database has all that it marked, and each worker after it knows that."""
    return not Worker.objects.filter(pk=mark.worker, lease_expires_at__gt=db_now()).exists()


def _hold_everything(reason: StatusReason) -> Held:
    held: Held = {}
    mailings = Mailing.objects.filter(status__in=[Status.SENDING, Status.PAUSED, Status.SCHEDULED])
    for pk in mailings.order_by("pk").values_list("pk", flat=True):
        with contextlib.suppress(TransitionRefused, Mailing.DoesNotExist):  # it ended or was deleted meanwhile
            is_scheduled = locked_mailing(pk).status == Status.SCHEDULED
            change_status(pk, "unschedule" if is_scheduled else "hold", None, reason=reason)
            held[pk] = reason
    logger.error("%s Held: %s", reason, ", ".join(f"mailing {pk}" for pk in held) or "none")
    return held
