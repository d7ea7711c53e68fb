"""Whom a mailing would reach: counted in the database, in two queries however many they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Q, QuerySet

from mailer.audience import audience
from mailer.delivery.suppression import active, is_suppressed, reason_in_database
from mailer.models import Mailing, Recipient, Suppression
from mailer.skipped import SENTENCES

FIELDS = ("full_name", "comment")  # those that may be empty
EMPTY = "empty-"
COUNTS = {"n": Count("pk"), **{name: Count("pk", filter=Q(**{name: ""})) for name in FIELDS}}


@dataclass(frozen=True)
class Crowd:
    """How many: in the audience, of them suppressed by the word of the reason, and of the others without a field."""

    total: int
    skips: dict[str, int] = field(default_factory=dict)
    empty: dict[str, int] = field(default_factory=dict)

    @property
    def skipped(self) -> int:
        return sum(self.skips.values())

    @property
    def reached(self) -> int:
        return self.total - self.skipped


def crowd_of(mailing: Mailing) -> Crowd:
    everybody = audience(mailing).order_by().aggregate(**COUNTS)
    rows = _counted_by_reason(mailing)
    return Crowd(
        total=everybody["n"],
        skips={row["word"]: row["n"] for row in sorted(rows, key=lambda row: row["n"], reverse=True)},
        empty={name: everybody[name] - sum(row[name] for row in rows) for name in FIELDS},
    )


def _counted_by_reason(mailing: Mailing) -> list[dict[str, Any]]:
    people = _suppressed(mailing).annotate(word=reason_in_database(mailing.owner_id)).order_by("word")
    rows: Any = people.values("word").annotate(**COUNTS)
    return list(rows)


def group_of(mailing: Mailing, group: str) -> QuerySet[Recipient] | None:
    """The audience's recipients in one of the groups that are counted: a word of `skipped.py`, or `empty-` and a field.

    None where there is no such group.
    """
    name = group.removeprefix(EMPTY)
    groups: dict[str, Callable[[], QuerySet[Recipient]]] = {
        **{word: lambda: _suppressed_for(mailing, group) for word in SENTENCES},
        **{f"{EMPTY}{one}": lambda: _mailed(mailing).filter(**{name: ""}) for one in FIELDS},
    }
    return groups[group]() if group in groups else None


def sample_of(mailing: Mailing) -> Recipient | None:
    """Somebody whom it would reach."""
    return _mailed(mailing).order_by("pk").first()


def _suppressed(mailing: Mailing) -> QuerySet[Recipient]:
    """Those of the audience who get nothing."""
    keys = Suppression.objects.filter(active(mailing.owner_id)).values("address_key")
    return audience(mailing).filter(address_key__in=keys)


def _suppressed_for(mailing: Mailing, word: str) -> QuerySet[Recipient]:
    return _suppressed(mailing).annotate(word=reason_in_database(mailing.owner_id)).filter(word=word)


def _mailed(mailing: Mailing) -> QuerySet[Recipient]:
    return audience(mailing).filter(~is_suppressed(mailing.owner_id))
