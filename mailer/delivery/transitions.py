"""How a mailing's status changes, by a person's act or by the clock: the table, and what each transition does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from core.clock import db_now
from core.models import User
from mailer.audience import audience
from mailer.delivery.counts import PAGES, move_counts
from mailer.delivery.doubt import in_doubt
from mailer.delivery.events import publish_on_commit
from mailer.delivery.materialise import FIRST_CHUNK, materialise_chunk, newest_delivery
from mailer.history import window_text
from mailer.locks import locked_mailing
from mailer.models import AuditEntry, Delivery, Mailing
from mailer.reasons import NO_REASON, StatusReason
from mailer.senders import is_allowed, not_allowed
from mailer.stats.caching import forget_on_commit
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


def refusal(mailing: Mailing, action: str) -> str:
    """Why its status does not let the mailing make this transition now; empty where it does."""
    if mailing.status in TRANSITIONS[action].sources:
        return ""
    status = mailing.get_status_display().lower()
    return _("This mailing is %(status)s: that is not possible now.") % {"status": status}


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
        mailing = locked_mailing(mailing_id)
        if refused := refusal(mailing, action):
            raise TransitionRefused(refused)
        EFFECTS.get(action, _no_effect)(mailing, db_now(), ends_at)
        set_status(mailing, TRANSITIONS[action].target, action, actor, reason)
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


def set_status(mailing: Mailing, status: str, action: str, actor: User | None, reason: StatusReason) -> None:
    """Give the locked mailing this status, and tell of it; `action` names the transition in the audit entry."""
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
    launch(mailing, now)


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
    close_waiting(mailing, State.CANCELLED)


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


def launch(mailing: Mailing, now: datetime) -> None:
    """Freeze the content and make the first deliveries, so that mail flows at once; the rest follows in chunks."""
    freeze_content(mailing, now)
    mailing.launched_at, mailing.deliveries_after = now, newest_delivery()
    materialise_chunk(mailing, now, FIRST_CHUNK)


def close_waiting(mailing: Mailing, state: str) -> None:
    """Close what still waits. What a worker holds follows when its result or its release is recorded."""
    for waiting in Delivery.WAITING:
        in_question = in_doubt([mailing.pk]).filter(state=waiting).update(state=State.UNCERTAIN)
        n = Delivery.objects.filter(mailing=mailing, state=waiting).update(state=state)
        move_counts(mailing.pk, PAGES, {waiting: -n - in_question, state: n, State.UNCERTAIN: in_question})
