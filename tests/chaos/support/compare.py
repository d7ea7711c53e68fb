"""The sink's accept log against the ledger: what is lost, sent twice, untracked, or does not add up."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from mailer.audience import audience
from mailer.delivery.audit import audit_mailing
from mailer.delivery.doubt import perhaps_twice
from mailer.models import Attempt, Delivery, Mailing
from tests.chaos.support.accept_log import AcceptLog
from tests.support.mailings import counted, really_counted

State = Delivery.State
UNCERTAIN = Attempt.Status.UNCERTAIN


@dataclass(frozen=True)
class Findings:
    """Addresses, by what is wrong with them, and the numbers that belong to it."""

    mails: int
    lost: list[str]
    """Not mailed, and the ledger does not say so: no delivery, an open one, or *sent* without the server having it."""
    duplicates: list[str]
    """Mailed more often than the tries that a person chose after an uncertain one explain."""
    untracked: list[str]
    """The server has the mail, but the ledger says neither *sent* nor *uncertain*."""
    uncertain: int
    flagged: int
    """Second copies of which the ledger says that there may be two, or that nobody knows."""
    unflagged: list[str]
    """Mailed twice, and the ledger does not say so."""
    differences: list[str]

    def numbers(self) -> dict[str, int]:
        return {
            "mails": self.mails,
            "lost": len(self.lost),
            "duplicates": len(self.duplicates),
            "untracked": len(self.untracked),
            "uncertain": self.uncertain,
        }

    def assert_clean(self) -> None:
        found = {
            "lost": self.lost,
            "duplicates": self.duplicates,
            "untracked": self.untracked,
            "unflagged": self.unflagged,
            "differences": self.differences,
        }
        wrong = {name: what[:10] for name, what in found.items() if what}
        assert not wrong, wrong


def compare(mailing: Mailing, log: AcceptLog, resent: Collection[int] = ()) -> Findings:
    """`resent`: the deliveries whose uncertain attempt a person chose to follow by another."""
    log.look()
    deliveries = list(Delivery.objects.filter(mailing=mailing).prefetch_related("attempts"))
    by_address = {delivery.email: delivery for delivery in deliveries}
    explained = {delivery.email: _copies_explained(delivery, resent) for delivery in deliveries}
    known = _known_to_be_perhaps_twice(mailing)
    people = set(audience(mailing).values_list("email", flat=True))
    return Findings(
        mails=len(deliveries),
        lost=sorted((people - by_address.keys()) | {d.email for d in deliveries if _is_lost(d, log)}),
        duplicates=sorted(to for to, copies in log.accepted.items() if copies > explained.get(to, 0)),
        untracked=sorted(to for to in log.accepted if not _is_tracked(by_address.get(to))),
        uncertain=sum(delivery.state == State.UNCERTAIN for delivery in deliveries),
        flagged=sum(copies - 1 for to, copies in log.accepted.items() if to in known),
        unflagged=sorted(to for to, copies in log.accepted.items() if copies > 1 and to not in known),
        differences=[*_differences(mailing, deliveries, log, resent), *_audit(mailing)],
    )


def _known_to_be_perhaps_twice(mailing: Mailing) -> set[str]:
    """By what the pages say: flagged, or uncertain still."""
    uncertain = Delivery.objects.filter(mailing=mailing, state=State.UNCERTAIN)
    found = (perhaps_twice(mailing.pk), uncertain)
    return {email for deliveries in found for email in deliveries.values_list("email", flat=True)}


def _copies_explained(delivery: Delivery, resent: Collection[int]) -> int:
    if delivery.pk not in resent:
        return 1
    return 1 + sum(attempt.status == UNCERTAIN for attempt in _attempts(delivery)[:-1])


def _is_lost(delivery: Delivery, log: AcceptLog) -> bool:
    """The sink refuses nobody for good, so that a delivery can only end as sent or uncertain."""
    if delivery.state == State.SENT:
        return delivery.email not in log.accepted
    return delivery.state != State.UNCERTAIN


def _is_tracked(delivery: Delivery | None) -> bool:
    return delivery is not None and delivery.state in (State.SENT, State.UNCERTAIN)


def _differences(
    mailing: Mailing, deliveries: list[Delivery], log: AcceptLog, resent: Collection[int]
) -> Iterator[str]:
    if counted(mailing) != really_counted(mailing):
        yield f"counters {counted(mailing)}, deliveries {really_counted(mailing)}"
    for delivery in deliveries:
        attempts = _attempts(delivery)
        if [attempt.number for attempt in attempts] != list(range(1, delivery.attempt_count + 1)):
            yield f"{delivery}: {delivery.attempt_count} attempts, but {[str(attempt) for attempt in attempts]}"
        if delivery.pk not in resent and any(attempt.status == UNCERTAIN for attempt in attempts[:-1]):
            yield f"{delivery}: tried again after an uncertain attempt, though nobody chose to"
        if log.message_ids.get(delivery.email, {delivery.message_id}) != {delivery.message_id}:
            yield f"{delivery}: went out as {log.message_ids[delivery.email]}, not as {delivery.message_id}"
        if attempts and (last := _state_after(attempts[-1])) not in (None, delivery.state):
            yield f"{delivery}: its last attempt says {last}"


def _attempts(delivery: Delivery) -> list[Attempt]:
    return sorted(delivery.attempts.all(), key=lambda attempt: attempt.number)


def _state_after(attempt: Attempt) -> str | None:
    return {Attempt.Status.SUCCESS: State.SENT, UNCERTAIN: State.UNCERTAIN}.get(Attempt.Status(attempt.status))


def _audit(mailing: Mailing) -> list[str]:
    """What `manage.py audit_mailing` finds."""
    return [str(check) for check in audit_mailing(mailing.pk) if not check.ok]
