"""Numbers to show, read only. Totals come from the counters: nothing here grows with the number of deliveries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.cache import caches
from django.db.models import Sum

from core.access import visible_to
from core.clock import db_now
from core.models import User
from mailer.models import Attempt, Delivery, Mailing, MailingCount, Recipient, Worker
from mailer.reasons import NO_REASON

State = Delivery.State
Status = Mailing.Status

RATE_SPAN = timedelta(seconds=10)
RATE_SAMPLE = 1_000  # attempts
SHOWN_ATTEMPTS = 100
MOST_COUNTED = 10_000
CACHED_FOR = 60  # seconds

# Why a mailing does not move at present; the page has a sentence for each.
NO_SENDER = "no_sender"
TROUBLE = "trouble"
PAUSED = "paused"
PAUSED_BY_ERROR = "paused_by_error"
RETRYING = "retrying"
NO_MORE_TRIES = "no_more_tries"
MAKING = "making"
ENDED = "ended"


@dataclass(frozen=True)
class Reason:
    """Why nothing moves: one of the codes above, the server's own words, and when it will go on, where known."""

    code: str
    words: str = ""
    at: datetime | None = None


@dataclass(frozen=True)
class Progress:
    """Where a mailing stands. `counts` has every state of a delivery, in the order of their declaration."""

    status: str
    counts: dict[str, int]
    total: int
    rate: float  # attempts per second over the last seconds
    seconds_left: int | None  # until everything now due has been tried; None where it can't be told
    reason: Reason | None

    @property
    def open(self) -> int:
        return sum(self.counts[state] for state in Delivery.OPEN)

    @property
    def closed(self) -> int:
        return self.total - self.open

    @property
    def percent(self) -> int:
        """Closed deliveries of all, 100 only when none is open."""
        return self.closed * 100 // self.total if self.total else 0


@dataclass(frozen=True)
class AttemptRow:
    """One attempt, as the live page lists it."""

    id: int
    delivery_id: int
    email: str
    number: int
    status: str
    reply_code: int | None
    enhanced_code: str
    server_response: str
    finished_at: datetime


@dataclass(frozen=True)
class HomeFigures:
    mailings: int
    active_mailings: int
    recipients: int


def mailing_progress(mailing_id: int) -> Progress:
    """Where the mailing stands now. Raises Mailing.DoesNotExist."""
    mailing = Mailing.objects.get(pk=mailing_id)
    counts = delivery_counts([mailing_id])[mailing_id]
    sending = mailing.status == Status.SENDING
    rate = _rate(mailing_id, db_now()) if sending else 0.0
    due = counts[State.QUEUED] + counts[State.SENDING]
    return Progress(
        status=mailing.status,
        counts=counts,
        total=sum(counts.values()),
        rate=rate,
        seconds_left=round(due / rate) if rate and due and mailing.materialised_at else None,
        reason=_reason(mailing, counts),
    )


def delivery_counts(mailing_ids: Iterable[int]) -> dict[int, dict[str, int]]:
    """How many deliveries of each mailing are in each state; zero where there are none."""
    counts: dict[int, dict[str, int]] = {pk: dict.fromkeys(State.values, 0) for pk in mailing_ids}
    rows = MailingCount.objects.filter(mailing__in=counts.keys()).values_list("mailing", "state").annotate(Sum("n"))
    for mailing_id, state, n in rows:
        counts[mailing_id][state] = n
    return counts


def sender_notice() -> Reason | None:
    """Why no mail can go out at present: no sender is running, or all that run have trouble with the mail server."""
    troubles = list(Worker.objects.filter(lease_expires_at__gt=db_now()).values_list("trouble", flat=True))
    if not troubles:
        return Reason(NO_SENDER)
    return Reason(TROUBLE, troubles[0]) if all(troubles) else None


def newest_attempts(mailing_id: int, after: int = 0, limit: int = SHOWN_ATTEMPTS) -> list[AttemptRow]:
    """The mailing's attempts with a key above `after`, newest first, at most `limit`."""
    attempts = Attempt.objects.filter(mailing=mailing_id, pk__gt=after).select_related("delivery").order_by("-pk")
    return [_row(attempt) for attempt in attempts[:limit]]


def count_attempts(mailing_id: int, after: int) -> int:
    """How many attempts have a key above `after`; no more than MOST_COUNTED are counted."""
    newer = Attempt.objects.filter(mailing=mailing_id, pk__gt=after)
    return newer.order_by("-pk")[:MOST_COUNTED].count()


def home_figures(user: User) -> HomeFigures:
    """How much the user has, or for a superuser the site; up to a minute old where CACHE_ENABLED."""
    cache = caches["statistics"]
    figures: HomeFigures | None = cache.get(f"home-{user.pk}")
    if figures is None:
        figures = _counted_figures(user)
        cache.set(f"home-{user.pk}", figures, CACHED_FOR)
    return figures


def _counted_figures(user: User) -> HomeFigures:
    mailings, now = visible_to(user, Mailing.objects.all()), db_now()
    active = mailings.filter(starts_at__lte=now, ends_at__gt=now, status__in=[Status.SCHEDULED, Status.SENDING])
    return HomeFigures(mailings.count(), active.count(), visible_to(user, Recipient.objects.all()).count())


def _row(attempt: Attempt) -> AttemptRow:
    return AttemptRow(
        id=attempt.pk,
        delivery_id=attempt.delivery_id,
        email=attempt.delivery.email,
        number=attempt.number,
        status=attempt.status,
        reply_code=attempt.reply_code,
        enhanced_code=attempt.enhanced_code,
        server_response=attempt.server_response,
        finished_at=attempt.finished_at,
    )


def _rate(mailing_id: int, now: datetime) -> float:
    newest = Attempt.objects.filter(mailing=mailing_id).order_by("-pk").values_list("finished_at", flat=True)
    times = [at for at in newest[:RATE_SAMPLE] if at > now - RATE_SPAN]
    if not times:
        return 0.0
    # A full sample may reach back a fraction of a second only: then its own span counts, not how old it is.
    full = len(times) == RATE_SAMPLE
    span = max(times) - min(times) if full else max(now - min(times), timedelta(seconds=1))
    return len(times) / max(span.total_seconds(), 0.01)


def _reason(mailing: Mailing, counts: dict[str, int]) -> Reason | None:
    match mailing.status:
        case Status.PAUSED:
            return Reason(PAUSED_BY_ERROR, str(mailing.why)) if mailing.why != NO_REASON else Reason(PAUSED)
        case Status.SCHEDULED:
            return sender_notice()
        case Status.SENDING:
            return sender_notice() or _waiting(mailing, counts)
        case _:
            return Reason(ENDED, str(mailing.why)) if mailing.why != NO_REASON else None


def _waiting(mailing: Mailing, counts: dict[str, int]) -> Reason | None:
    if mailing.materialised_at is None:
        return Reason(MAKING)
    if counts[State.SENDING] or not (counts[State.QUEUED] or counts[State.DEFERRED]):
        return None
    waiting = Delivery.objects.filter(mailing=mailing, state__in=Delivery.WAITING).order_by("next_attempt_at")
    first = waiting.values_list("next_attempt_at", flat=True).first()
    if first is None or (counts[State.QUEUED] and first <= db_now()):
        return None
    return Reason(RETRYING, at=first) if first < mailing.ends_at else Reason(NO_MORE_TRIES, at=mailing.ends_at)
