"""What the clock does to mailings: launches what is due, makes its deliveries, expires what has ended, completes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from core.clock import db_now
from core.models import User
from mailer.delivery.events import publish_on_commit
from mailer.delivery.materialise import made_at_most, materialise_chunk, materialise_rest, tell_planner
from mailer.delivery.transitions import (
    TRANSITIONS,
    TransitionRefused,
    change_status,
    close_waiting,
    launch,
    set_status,
)
from mailer.locks import locked_mailing
from mailer.models import Delivery, Mailing
from mailer.reasons import NO_REASON, OWNER_BLOCKED, SENDER_NOT_ALLOWED, WINDOW_ENDED, StatusReason
from mailer.senders import is_allowed
from mailer.stats.progress import delivery_counts

Status = Mailing.Status
State = Delivery.State


def run_schedule(only_mailing: int | None = None) -> bool:
    """Launch what is due, make more of its deliveries, expire what has ended, complete what is done.

    Every worker calls this every second; each step is done under the mailing's lock, by whoever comes first. Returns
    whether there are deliveries to be made still: then the next call should come soon.
    """
    now = db_now()
    mailings = Mailing.objects.filter(pk=only_mailing) if only_mailing else Mailing.objects.all()
    # A blocked owner's mailing is launched at its end only, so that the ledger says whom it did not reach.
    due = mailings.filter(status=Status.SCHEDULED, starts_at__lte=now)
    for pk in _ids(due.filter(Q(owner__is_active=True) | Q(ends_at__lte=now))):
        _under_lock(pk, _launch_due)
    pause_mailings_of_blocked(None)
    for pk in _ids(mailings.filter(launched_at__isnull=False, materialised_at=None)):
        _under_lock(pk, _materialise_more)
    for pk in _ids(mailings.filter(status__in=[Status.SENDING, Status.PAUSED])):
        _under_lock(pk, _settle)
    return mailings.filter(launched_at__isnull=False, materialised_at=None).exists()


def finish_materialising(owner: User) -> None:
    """Make every delivery of the owner's launched mailings now: before recipients are deleted, so that none is lost."""
    with transaction.atomic():
        for pk in _ids(Mailing.objects.filter(owner=owner, launched_at__isnull=False, materialised_at=None)):
            materialise_rest(locked_mailing(pk), db_now())


def pause_mailings_of_blocked(actor: User | None, owner: User | None = None) -> None:
    """Pause what blocked people still have on its way, or what one of them has."""
    sending = Mailing.objects.filter(status=Status.SENDING, owner__is_active=False)
    for pk in _ids(sending.filter(owner=owner) if owner else sending):
        with contextlib.suppress(TransitionRefused):  # paused or done meanwhile
            change_status(pk, "pause", actor, reason=StatusReason(OWNER_BLOCKED))


def _ids(mailings: QuerySet[Mailing]) -> list[int]:
    return list(mailings.order_by("pk").values_list("pk", flat=True))


def _under_lock(mailing_id: int, step: Callable[[Mailing, datetime], None]) -> None:
    with contextlib.suppress(Mailing.DoesNotExist), transaction.atomic():  # a draft was deleted meanwhile
        step(locked_mailing(mailing_id), db_now())


def _launch_due(mailing: Mailing, now: datetime) -> None:
    if mailing.status != Status.SCHEDULED or mailing.starts_at > now:
        return
    if not mailing.owner.is_active and mailing.ends_at > now:  # blocked since it was found due
        return
    if not is_allowed(mailing.from_address):  # any more: the site's settings have changed since
        set_status(mailing, Status.DRAFT, "unschedule", None, StatusReason(SENDER_NOT_ALLOWED, mailing.from_address))
    else:
        launch(mailing, now)
        set_status(mailing, Status.SENDING, "start", None, NO_REASON)


def _materialise_more(mailing: Mailing, now: datetime) -> None:
    if mailing.materialised_at is None:
        before = made_at_most(mailing)
        is_all = materialise_chunk(mailing, now)
        publish_on_commit(mailing.pk)
        if is_all or made_at_most(mailing).bit_length() > before.bit_length():  # twice as many
            transaction.on_commit(tell_planner)


def _settle(mailing: Mailing, now: datetime) -> None:
    if mailing.status not in TRANSITIONS["complete"].sources:
        return
    ended = mailing.ends_at <= now
    if ended:
        materialise_rest(mailing, now)
        close_waiting(mailing, State.EXPIRED)
    if mailing.materialised_at and not _has_open_deliveries(mailing):
        set_status(mailing, Status.COMPLETED, "complete", None, _left_at_end(mailing) if ended else NO_REASON)


def _has_open_deliveries(mailing: Mailing) -> bool:
    """Asked every second, and so of the counters first: an index is slow to say that nothing is left in it."""
    counts = delivery_counts([mailing.pk])[mailing.pk]
    still_open = Delivery.objects.filter(mailing=mailing, state__in=Delivery.OPEN)
    return sum(counts[state] for state in Delivery.OPEN) > 0 or still_open.exists()


def _left_at_end(mailing: Mailing) -> StatusReason:
    left = delivery_counts([mailing.pk])[mailing.pk][State.EXPIRED]
    return StatusReason(WINDOW_ENDED, str(left)) if left else NO_REASON
