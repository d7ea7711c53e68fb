"""What a command says of the limits that its mailings are under, before it sends."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import F, Q

from mailer.durations import duration
from mailer.models import Delivery, Mailing, Throttle
from mailer.stats.progress import delivery_counts


def expected_times(only_mailing: int | None) -> Iterator[str]:
    """A line for each limit on what is being sent: how long that takes at least."""
    sending = Mailing.objects.filter(status=Mailing.Status.SENDING)
    if only_mailing is not None:
        sending = sending.filter(pk=only_mailing)
    counts = delivery_counts(sending.values_list("pk", flat=True))
    due = {pk: by_state[Delivery.State.QUEUED] for pk, by_state in counts.items()}
    limits = Throttle.objects.filter(Q(mailing=None) | Q(mailing__in=due)).order_by(F("mailing").asc(nulls_first=True))
    for throttle in limits:
        what = "All mailings go" if throttle.mailing_id is None else f"Mailing {throttle.mailing_id} goes"
        n = sum(due.values()) if throttle.mailing_id is None else due[throttle.mailing_id]
        yield f"{what} at {throttle.rate} at most: {n:,} queued take {duration(throttle.rate.seconds_for(n))}."
