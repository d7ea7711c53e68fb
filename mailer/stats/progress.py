"""Where a mailing stands, for its live page. Totals come from the counters: nothing grows with the deliveries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Sum

from core.clock import db_now
from core.paging import newest_first
from mailer.delivery.allowance import Allowance, allowance_of
from mailer.models import Delivery, Mailing, MailingCount, Worker, attempts_of
from mailer.rates import Rate
from mailer.reasons import NO_REASON
from mailer.throttling import held_to

State = Delivery.State
Status = Mailing.Status

RATE_SPAN = timedelta(seconds=10)
RATE_SAMPLE = 1_000  # attempts

# Why a mailing does not move at present; the page has a sentence for each.
NO_SENDER = "no_sender"
TROUBLE = "trouble"
PAUSED = "paused"
PAUSED_BY_ERROR = "paused_by_error"
HELD = "held"
RETRYING = "retrying"
AT_CAP = "at_cap"
NEEDS_APPROVAL = "needs_approval"
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
class Standing:
    """How far a mailing is. `counts` has every state of a delivery, in the order of their declaration."""

    counts: dict[str, int]
    total: int

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
class Progress(Standing):
    """Where a mailing stands: how far it is, how fast it goes, and why it does not."""

    status: str
    rate: float  # attempts per second over the last seconds
    seconds_left: int | None  # until everything now due has been tried; None where it can't be told
    reason: Reason | None
    limit: str = ""  # the rate that it is held to, as `Rate.code`
    window_closes_first: bool = False  # before those seconds are over


def mailing_progress(mailing_id: int) -> Progress:
    """Where the mailing stands now. Raises Mailing.DoesNotExist."""
    mailing = Mailing.objects.get(pk=mailing_id)
    standing = standings([mailing_id])[mailing_id]
    counts = standing.counts
    sending = mailing.status == Status.SENDING
    now = db_now()
    rate = _rate(mailing_id, now) if sending else 0.0
    limit = held_to(mailing_id).rate
    allowance = allowance_of(mailing.owner_id, now) if sending else None
    seconds_left = _seconds_left(mailing, counts, _speed(rate, limit), allowance) if sending else None
    return Progress(
        counts=counts,
        total=standing.total,
        status=mailing.status,
        rate=rate,
        seconds_left=seconds_left,
        reason=_reason(mailing, counts, allowance),
        limit=limit.code if limit else "",
        window_closes_first=seconds_left is not None and now + timedelta(seconds=seconds_left) > mailing.ends_at,
    )


def standings(mailing_ids: Iterable[int]) -> dict[int, Standing]:
    """How far each of these mailings is."""
    return {pk: Standing(counts, sum(counts.values())) for pk, counts in delivery_counts(mailing_ids).items()}


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


def held_back_reason(allowance: Allowance) -> Reason:
    """Why a new account's mailing waits, when its allowance is used up."""
    if settings.SENDING_REQUIRES_APPROVAL:
        return Reason(NEEDS_APPROVAL)
    return Reason(AT_CAP, str(settings.NEW_ACCOUNT_DAILY_CAP), allowance.more_at)


def _rate(mailing_id: int, now: datetime) -> float:
    newest = newest_first(attempts_of(mailing_id)).values_list("finished_at", flat=True)
    times = [at for at in newest[:RATE_SAMPLE] if at > now - RATE_SPAN]
    if not times:
        return 0.0
    # A full sample may reach back a fraction of a second only: then its own span counts, not how old it is.
    full = len(times) == RATE_SAMPLE
    span = max(times) - min(times) if full else max(now - min(times), timedelta(seconds=1))
    return len(times) / max(span.total_seconds(), 0.01)


def _speed(rate: float, limit: Rate | None) -> float:
    """How fast it will go on, in attempts per second: a limit counts at once, also before anything has gone."""
    if limit is None:
        return rate
    return min(rate, limit.per_second) if rate else limit.per_second


def _seconds_left(mailing: Mailing, counts: dict[str, int], speed: float, allowance: Allowance | None) -> int | None:
    """None where nothing goes, deliveries are still being made, or the cap of a new account holds some back."""
    due = counts[State.QUEUED] + counts[State.SENDING]
    is_capped = allowance is not None and counts[State.QUEUED] > allowance.left
    return round(due / speed) if speed and due and mailing.materialised_at and not is_capped else None


def _reason(mailing: Mailing, counts: dict[str, int], allowance: Allowance | None) -> Reason | None:
    match mailing.status:
        case Status.DRAFT:
            return Reason(HELD, str(mailing.why)) if mailing.why != NO_REASON else None
        case Status.PAUSED:
            return Reason(PAUSED_BY_ERROR, str(mailing.why)) if mailing.why != NO_REASON else Reason(PAUSED)
        case Status.SCHEDULED:
            return sender_notice()
        case Status.SENDING:
            return sender_notice() or _waiting(mailing, counts, allowance)
        case _:
            return Reason(ENDED, str(mailing.why)) if mailing.why != NO_REASON else None


def _waiting(mailing: Mailing, counts: dict[str, int], allowance: Allowance | None) -> Reason | None:
    if mailing.materialised_at is None:
        return Reason(MAKING)
    if counts[State.SENDING]:
        return None
    if allowance is not None and allowance.left == 0:
        return held_back_reason(allowance)
    if not (counts[State.QUEUED] or counts[State.DEFERRED]):
        return None
    waiting = Delivery.objects.filter(mailing=mailing, state__in=Delivery.WAITING).order_by("next_attempt_at")
    first = waiting.values_list("next_attempt_at", flat=True).first()
    if first is None or (counts[State.QUEUED] and first <= db_now()):
        return None
    return Reason(RETRYING, at=first) if first < mailing.ends_at else Reason(NO_MORE_TRIES, at=mailing.ends_at)
