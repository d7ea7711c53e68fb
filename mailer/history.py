"""What happened to a mailing or to a user, from its audit entries, in the reader's language and time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

from core.models import User
from core.people import ACTIVE, ALLOWED, BLOCKED, CAPPED
from mailer.models import AuditEntry, Delivery, Mailing, Suppression
from mailer.rates import rate_of
from mailer.reasons import StatusReason

ACTS: dict[str, str | Promise] = {
    "schedule": pgettext_lazy("history", "scheduled"),
    "unschedule": pgettext_lazy("history", "made a draft again"),
    "start": pgettext_lazy("history", "started"),
    "pause": pgettext_lazy("history", "paused"),
    "hold": pgettext_lazy("history", "held"),
    "resume": pgettext_lazy("history", "resumed"),
    "cancel": pgettext_lazy("history", "cancelled"),
    "complete": pgettext_lazy("history", "completed"),
    "reopen": pgettext_lazy("history", "reopened"),
    "retry_failed": pgettext_lazy("history", "failed ones queued again"),
    "extend": pgettext_lazy("history", "expired ones queued again"),
    "resend": pgettext_lazy("history", "resending of uncertain ones chosen"),
    "treat_as_sent": pgettext_lazy("history", "uncertain ones treated as sent"),
    "window": pgettext_lazy("history", "window changed"),
    "throttle": pgettext_lazy("history", "sending rate changed"),
    "block": pgettext_lazy("history", "blocked"),
    "unblock": pgettext_lazy("history", "unblocked"),
    "allow": pgettext_lazy("history", "sending allowed"),
    "lift": pgettext_lazy("history", "suppression lifted"),
}
STATES: dict[str, str | Promise] = {
    **dict(Delivery.State.choices),
    **dict(Mailing.Status.choices),
    **dict(Suppression.Reason.choices),
    "lift": pgettext_lazy("suppression", "lifted"),
    CAPPED: pgettext_lazy("account", "capped"),
    ALLOWED: pgettext_lazy("account", "allowed"),
    ACTIVE: pgettext_lazy("account", "active"),
    BLOCKED: pgettext_lazy("account", "blocked"),
    "no_limit": pgettext_lazy("rate", "no limit"),
}
MINUTE = "%Y-%m-%dT%H:%MZ"  # UTC; a window is two of them with a slash between (ISO 8601)


@dataclass(frozen=True)
class Happening:
    """A line of the history. `actor` is None where the clock did it."""

    at: datetime
    actor: User | None
    act: str
    before: str
    after: str
    why: str


def happening(entry: AuditEntry) -> Happening:
    """The entry, which has its actor loaded, as it is told."""
    return Happening(
        at=entry.created_at,
        actor=entry.actor,
        act=str(ACTS.get(entry.action, entry.action)),
        before=_told(entry.before),
        after=_told(entry.after),
        why=str(StatusReason(entry.reason, entry.words)),
    )


def window_text(starts_at: datetime, ends_at: datetime) -> str:
    """A window as audit entries keep it."""
    return "/".join(moment.astimezone(UTC).strftime(MINUTE) for moment in (starts_at, ends_at))


def _told(value: str) -> str:
    if value in STATES:
        return str(STATES[value])
    for read in (_window, _rate):
        try:
            return read(value)
        except ValueError:
            continue
    return value


def _window(value: str) -> str:
    return " – ".join(_shown(moment) for moment in value.split("/"))


def _rate(value: str) -> str:
    return str(rate_of(value))


def _shown(minute: str) -> str:
    moment = datetime.strptime(minute, MINUTE).replace(tzinfo=UTC)
    return date_format(timezone.localtime(moment), "SHORT_DATETIME_FORMAT")
