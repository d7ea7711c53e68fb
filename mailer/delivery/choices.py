"""A person's choices about what was not sent, or is not known: retry, mail the rest, resend, treat as sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import CharField, DateTimeField, Exists, F, IntegerField, Max, OuterRef, QuerySet, Value

from core.clock import db_now
from core.models import User
from mailer.delivery.counts import PAGES, move_counts
from mailer.delivery.events import publish_on_commit
from mailer.delivery.insert_select import insert_select
from mailer.delivery.lookups import Among
from mailer.delivery.suppression import is_suppressed
from mailer.delivery.transitions import let_send
from mailer.locks import locked_mailing
from mailer.models import AuditEntry, Decision, Delivery, Mailing
from mailer.reasons import CHOSEN_MANY, CHOSEN_ONE

State = Delivery.State
Choice = Decision.Choice

CHUNK = 20_000  # about a second; results are recorded in between


@dataclass(frozen=True)
class Move:
    """What a choice does to a delivery."""

    source: str
    target: str


MOVES: dict[str, Move] = {
    Choice.RETRY_FAILED: Move(State.FAILED, State.QUEUED),
    Choice.EXTEND: Move(State.EXPIRED, State.QUEUED),
    Choice.RESEND: Move(State.UNCERTAIN, State.QUEUED),
    Choice.TREAT_AS_SENT: Move(State.UNCERTAIN, State.SENT),
}


@dataclass(frozen=True)
class Act:
    """A choice for those `among` the mailing's deliveries whose state it is about.

    `seen` is the newest decision that the person had before their eyes (`last_decision`): what was decided after is
    not decided again, so that a second click, or another tab, does nothing.
    """

    mailing_id: int
    choice: str
    actor: User
    among: QuerySet[Delivery]
    seen: int

    @property
    def move(self) -> Move:
        return MOVES[self.choice]

    def found(self) -> QuerySet[Delivery]:
        """The deliveries that it moves now: none is to be sent whose address is suppressed, but stays as it is."""
        if not sends(self.choice):
            return self.about()
        owner_id = Mailing.objects.values_list("owner", flat=True).get(pk=self.mailing_id)
        return self.about().filter(~is_suppressed(owner_id))

    def about(self) -> QuerySet[Delivery]:
        """The deliveries that it is about now."""
        newest = last_decision(self.mailing_id)
        found = self.among.filter(mailing=self.mailing_id, state=self.move.source)
        if newest <= self.seen:
            return found
        # The upper bound leaves out what this act itself decides.
        decided = Decision.objects.filter(delivery=OuterRef("pk"), pk__gt=self.seen, pk__lte=newest)
        return found.filter(~Exists(decided))


def last_decision(mailing_id: int) -> int:
    """The key of the newest decision about one of the mailing's deliveries, or 0."""
    return Decision.objects.filter(mailing=mailing_id).aggregate(newest=Max("pk"))["newest"] or 0


def possible_choices(mailing: Mailing, state: str) -> list[str]:
    """What may be chosen for the mailing's deliveries in this state: a cancelled mailing sends nothing any more."""
    if not mailing.is_launched:
        return []
    is_over = mailing.status == Mailing.Status.CANCELLED
    return [choice for choice, move in MOVES.items() if move.source == state and not (is_over and sends(choice))]


def needs_new_end(mailing: Mailing, choice: str) -> bool:
    """Whether the choice sends, and the window has ended."""
    return sends(choice) and mailing.ends_at <= db_now()


def sends(choice: str) -> bool:
    return MOVES[choice].target in Delivery.OPEN


def decide(act: Act, ends_at: datetime | None = None) -> int:
    """Do it. Returns how many deliveries moved: 0 where nothing was left to do. Raises TransitionRefused.

    `ends_at` is the new end that sending needs after the window. Many are moved chunk by chunk, each in one
    transaction under the mailing's lock; a crash in between leaves the rest as it was, to be chosen again.
    """
    moved, last = _begin(act, ends_at)
    while last is not None:
        more, last = _go_on(act, last)
        moved += more
    return moved


@transaction.atomic
def _begin(act: Act, ends_at: datetime | None) -> tuple[int, int | None]:
    mailing = locked_mailing(act.mailing_id)
    found = act.found()
    n = found.count()
    if n == 0:
        return 0, None
    if sends(act.choice):
        let_send(mailing, act.actor, ends_at)
    AuditEntry.objects.create(
        actor=act.actor,
        action=act.choice,
        mailing=mailing,
        before=act.move.source,
        after=act.move.target,
        reason=CHOSEN_ONE if n == 1 else CHOSEN_MANY,
        words=", ".join(found.values_list("email", flat=True)) if n == 1 else str(n),  # suppressing waits for nobody
    )
    return _move_chunk(act, found)


@transaction.atomic
def _go_on(act: Act, after: int) -> tuple[int, int | None]:
    mailing = locked_mailing(act.mailing_id)
    if sends(act.choice):
        let_send(mailing, act.actor, None)  # it may have been cancelled meanwhile
    return _move_chunk(act, act.found().filter(pk__gt=after))


def _move_chunk(act: Act, found: QuerySet[Delivery]) -> tuple[int, int | None]:
    """Move the first CHUNK of those found: how many, and the key of the last where more may follow it."""
    # By key: between the statements a claim, which does not wait for the mailing, may make more uncertain, and somebody
    # be suppressed.
    keys = list(found.order_by("pk").values_list("pk", flat=True)[:CHUNK])
    chunk = act.about().filter(Among(F("pk"), keys))
    now = db_now()
    insert_select(Decision, chunk, _decision(act, now))
    n = chunk.update(state=act.move.target, state_reason="", next_attempt_at=now, break_count=0, broke_at=None)
    move_counts(act.mailing_id, PAGES, {act.move.source: -n, act.move.target: n})
    publish_on_commit(act.mailing_id)
    return n, keys[-1] if len(keys) == CHUNK else None


def _decision(act: Act, now: datetime) -> dict[str, F | Value]:
    """The columns of a decision, in terms of the delivery's row."""
    return {
        "delivery_id": F("pk"),
        "mailing_id": F("mailing_id"),
        "choice": Value(act.choice, CharField()),
        "attempt_number": F("attempt_count"),
        "actor_id": Value(act.actor.pk, IntegerField()),
        "made_at": Value(now, DateTimeField()),
    }
