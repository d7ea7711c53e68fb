"""Which mailings are due, and how a mailing's status changes: by a person's act, by its window, by its end."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Count, Min, Q, QuerySet
from django.utils.translation import gettext as _

from core.clock import db_now
from core.models import User
from mailer.audience import audience
from mailer.delivery.allowance import owners_held_back
from mailer.delivery.counts import PAGES, move_counts
from mailer.delivery.doubt import in_doubt
from mailer.delivery.events import publish_on_commit
from mailer.delivery.materialise import (
    FIRST_CHUNK,
    made_at_most,
    materialise_chunk,
    materialise_rest,
    newest_delivery,
    tell_planner,
)
from mailer.history import window_text
from mailer.models import AuditEntry, Delivery, Mailing
from mailer.reasons import NO_REASON, OWNER_BLOCKED, SENDER_NOT_ALLOWED, WINDOW_ENDED, StatusReason
from mailer.senders import is_allowed, not_allowed
from mailer.stats.caching import forget_on_commit
from mailer.stats.progress import delivery_counts
from mailer.writing.freeze import freeze_content

Status = Mailing.Status
State = Delivery.State


class TransitionRefused(Exception):
    """A change of status that the mailing's state or window does not allow; its text is for the person who asked."""


@dataclass(frozen=True)
class Transition:
    sources: frozenset[str]
    target: str


TRANSITIONS: dict[str, Transition] = {
    "schedule": Transition(frozenset({Status.DRAFT}), Status.SCHEDULED),
    "unschedule": Transition(frozenset({Status.SCHEDULED}), Status.DRAFT),
    "start": Transition(frozenset({Status.DRAFT, Status.SCHEDULED}), Status.SENDING),
    "pause": Transition(frozenset({Status.SENDING}), Status.PAUSED),
    "resume": Transition(frozenset({Status.PAUSED}), Status.SENDING),
    "hold": Transition(frozenset({Status.SENDING, Status.PAUSED}), Status.PAUSED),
    "cancel": Transition(frozenset({Status.SCHEDULED, Status.SENDING, Status.PAUSED}), Status.CANCELLED),
    "complete": Transition(frozenset({Status.SENDING, Status.PAUSED}), Status.COMPLETED),
    "reopen": Transition(frozenset({Status.COMPLETED}), Status.SENDING),
}
PERSONS_ACTIONS = ("schedule", "unschedule", "start", "pause", "resume", "cancel")


def available_actions(mailing: Mailing) -> list[str]:
    """What a person may do to the mailing's status now."""
    return [action for action in PERSONS_ACTIONS if mailing.status in TRANSITIONS[action].sources]


def change_status(
    mailing_id: int,
    action: str,
    actor: User | None,
    *,
    reason: StatusReason = NO_REASON,
    ends_at: datetime | None = None,
) -> Mailing:
    """Change the mailing's status by a named transition, with its effects and its audit entry, in one transaction.

    `ends_at` is the new end that *start* and *reopen* need after the window. Raises TransitionRefused,
    Mailing.DoesNotExist.
    """
    with transaction.atomic():
        mailing = locked(mailing_id)
        transition = TRANSITIONS[action]
        if mailing.status not in transition.sources:
            raise TransitionRefused(
                _("This mailing is %(status)s: that is not possible now.")
                % {"status": mailing.get_status_display().lower()}
            )
        EFFECTS.get(action, _no_effect)(mailing, db_now(), ends_at)
        _set_status(mailing, transition.target, action, actor, reason)
    return mailing


def let_send(mailing: Mailing, actor: User | None, ends_at: datetime | None) -> None:
    """Let the locked mailing send what goes back to its queue: a completed one is reopened. Raises TransitionRefused.

    `ends_at` is the new end that it needs after the window; inside the window it stays as it is.
    """
    before = window_text(mailing.starts_at, mailing.ends_at)
    if mailing.status in TRANSITIONS["complete"].sources:
        _reopen(mailing, db_now(), ends_at)
        mailing.save(update_fields=["ends_at"])
    else:
        mailing = change_status(mailing.pk, "reopen", actor, ends_at=ends_at)
    after = window_text(mailing.starts_at, mailing.ends_at)
    if before != after:
        AuditEntry.objects.create(actor=actor, action="window", mailing=mailing, before=before, after=after)


def locked(mailing_id: int) -> Mailing:
    """The mailing with its row locked until the transaction ends.

    Not its key: a claim or a batch of results that begins a counter asks for that as it commits, with rows in its hands
    that whoever holds this lock may wait for.
    """
    return Mailing.objects.select_for_update(of=("self",), no_key=True).get(pk=mailing_id)


def _set_status(mailing: Mailing, status: str, action: str, actor: User | None, reason: StatusReason) -> None:
    AuditEntry.objects.create(
        actor=actor,
        action=action,
        mailing=mailing,
        before=mailing.status,
        after=status,
        reason=reason.code,
        words=reason.words,
    )
    mailing.status, mailing.status_reason, mailing.status_words = status, reason.code, reason.words
    mailing.save()
    publish_on_commit(mailing.pk)
    forget_on_commit(mailing.owner_id)


# What a transition does besides changing the word.


def _no_effect(_mailing: Mailing, _now: datetime, _ends_at: datetime | None) -> None:
    return


def _check_before_scheduling(mailing: Mailing, now: datetime, _ends_at: datetime | None) -> None:
    if mailing.ends_at <= now:
        raise TransitionRefused(_("The window has ended. Choose a new end first."))
    _refuse_foreign_sender(mailing)
    _refuse_without_recipients(mailing)


def _start(mailing: Mailing, now: datetime, ends_at: datetime | None) -> None:
    end = ends_at or mailing.ends_at
    if end <= now:
        raise TransitionRefused(_("The window has ended. Choose a new end to send now."))
    _refuse_for_blocked_owner(mailing)
    _refuse_foreign_sender(mailing)
    _refuse_without_recipients(mailing)
    mailing.starts_at, mailing.ends_at = min(mailing.starts_at, now), end
    _launch(mailing, now)


def _resume(mailing: Mailing, now: datetime, _ends_at: datetime | None) -> None:
    if mailing.ends_at <= now:
        raise TransitionRefused(_("The window has ended: what is left expires."))
    _refuse_for_blocked_owner(mailing)


def _reopen(mailing: Mailing, now: datetime, ends_at: datetime | None) -> None:
    if mailing.ends_at <= now:
        if ends_at is None or ends_at <= now:
            raise TransitionRefused(_("The window has ended. Choose a new end first."))
        mailing.ends_at = ends_at
    _refuse_for_blocked_owner(mailing)


def _cancel(mailing: Mailing, _now: datetime, _ends_at: datetime | None) -> None:
    _close_waiting(mailing, State.CANCELLED)


EFFECTS: dict[str, Callable[[Mailing, datetime, datetime | None], None]] = {
    "schedule": _check_before_scheduling,
    "start": _start,
    "resume": _resume,
    "cancel": _cancel,
    "reopen": _reopen,
}


def _refuse_for_blocked_owner(mailing: Mailing) -> None:
    if not User.objects.filter(pk=mailing.owner_id, is_active=True).exists():
        raise TransitionRefused(_("The owner of this mailing is blocked."))


def _refuse_foreign_sender(mailing: Mailing) -> None:
    if not is_allowed(mailing.from_address):
        raise TransitionRefused(not_allowed(mailing.from_address))


def _refuse_without_recipients(mailing: Mailing) -> None:
    if not audience(mailing).exists():
        raise TransitionRefused(_("There is nobody to send to: choose recipients first."))


def _launch(mailing: Mailing, now: datetime) -> None:
    """Freeze the content and make the first deliveries, so that mail flows at once; the rest follows in chunks."""
    freeze_content(mailing, now)
    mailing.launched_at, mailing.deliveries_after = now, newest_delivery()
    materialise_chunk(mailing, now, FIRST_CHUNK)


def _close_waiting(mailing: Mailing, state: str) -> None:
    """Close what still waits. What a worker holds follows when its result or its release is recorded."""
    for waiting in Delivery.WAITING:
        in_question = in_doubt([mailing.pk]).filter(state=waiting).update(state=State.UNCERTAIN)
        n = Delivery.objects.filter(mailing=mailing, state=waiting).update(state=state)
        move_counts(mailing.pk, PAGES, {waiting: -n - in_question, state: n, State.UNCERTAIN: in_question})


@dataclass(frozen=True)
class WorkLeft:
    """What the sending mailings still have open: how many now due or in hand, how many later, and until when."""

    due: int
    later: int
    next_attempt_at: datetime | None


def work_left(only_mailing: int | None = None) -> WorkLeft:
    """Of the mailings that are sending, or of one of them."""
    now = db_now()
    mailings = Mailing.objects.filter(status=Status.SENDING)
    if only_mailing is not None:
        mailings = mailings.filter(pk=only_mailing)
    unmade = mailings.filter(materialised_at=None).count()
    owners = dict(mailings.values_list("pk", "owner"))
    held_back = owners_held_back(owners.values(), now)
    counts = delivery_counts(owners)
    resting = _resting(owners, now)
    open_ones = sum(_sum(counts[pk], Delivery.OPEN) for pk in owners)
    later = sum(
        _sum(counts[pk], Delivery.WAITING) if owner in held_back else resting.get(pk, (0, None))[0]
        for pk, owner in owners.items()
    )
    times = [*(first for _n, first in resting.values()), *(allowance.more_at for allowance in held_back.values())]
    return WorkLeft(max(0, open_ones - later) + unmade, later, min((at for at in times if at), default=None))


def _resting(mailing_ids: Iterable[int], now: datetime) -> dict[int, tuple[int, datetime]]:
    """Of each mailing how many deliveries wait for a later time, and the first of these times."""
    later = Delivery.objects.filter(mailing__in=mailing_ids, state__in=Delivery.WAITING, next_attempt_at__gt=now)
    found = later.order_by().values_list("mailing").annotate(Count("pk"), Min("next_attempt_at"))
    return {pk: (n, first) for pk, n, first in found}


def _sum(counts: Mapping[str, int], states: Iterable[str]) -> int:
    return sum(counts[state] for state in states)


# What the clock does.


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
            materialise_rest(locked(pk), db_now())


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
        step(locked(mailing_id), db_now())


def _launch_due(mailing: Mailing, now: datetime) -> None:
    if mailing.status != Status.SCHEDULED or mailing.starts_at > now:
        return
    if not mailing.owner.is_active and mailing.ends_at > now:  # blocked since it was found due
        return
    if not is_allowed(mailing.from_address):  # any more: the site's settings have changed since
        _set_status(mailing, Status.DRAFT, "unschedule", None, StatusReason(SENDER_NOT_ALLOWED, mailing.from_address))
    else:
        _launch(mailing, now)
        _set_status(mailing, Status.SENDING, "start", None, NO_REASON)


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
        _close_waiting(mailing, State.EXPIRED)
    if mailing.materialised_at and not _has_open_deliveries(mailing):
        _set_status(mailing, Status.COMPLETED, "complete", None, _left_at_end(mailing) if ended else NO_REASON)


def _has_open_deliveries(mailing: Mailing) -> bool:
    """Asked every second, and so of the counters first: an index is slow to say that nothing is left in it."""
    counts = delivery_counts([mailing.pk])[mailing.pk]
    still_open = Delivery.objects.filter(mailing=mailing, state__in=Delivery.OPEN)
    return _sum(counts, Delivery.OPEN) > 0 or still_open.exists()


def _left_at_end(mailing: Mailing) -> StatusReason:
    left = delivery_counts([mailing.pk])[mailing.pk][State.EXPIRED]
    return StatusReason(WINDOW_ENDED, str(left)) if left else NO_REASON
