"""What the live page is told: read from the database, made into one JSON text for all who watch."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

from mailer.stats.attempts import SHOWN_ATTEMPTS, AttemptRow, count_attempts, newest_attempts
from mailer.stats.progress import Progress, mailing_progress

OVERLAP = 5.0  # seconds; keys are given before they are committed, so that a lower one may appear later


@dataclass(frozen=True)
class Reading:
    """One look at the database. `attempts` may hold known ones; `newer` counts those after the last known."""

    progress: Progress
    attempts: list[AttemptRow]
    newer: int


def read_mailing(mailing_id: int, after: int, last: int) -> Reading:
    """Progress, and the newest attempts with a key above `after`; `last` is the newest known. Mailing.DoesNotExist."""
    progress = mailing_progress(mailing_id)
    attempts = newest_attempts(mailing_id, after)
    newer = sum(attempt.id > last for attempt in attempts)
    if last and newer == SHOWN_ATTEMPTS:
        newer = count_attempts(mailing_id, last)
    return Reading(progress, attempts, newer)


@dataclass
class View:
    """What the watchers of one mailing have been told so far."""

    told: Progress | None = None
    attempts: list[AttemptRow] = field(default_factory=list)  # the newest, newest first
    last: int = 0  # the newest key seen
    after: int = 0  # at or below this key nothing new is to come
    _seen: set[int] = field(default_factory=set)  # above `after`
    _marks: deque[tuple[float, int]] = field(default_factory=deque)  # when which key was the newest

    def take(self, reading: Reading, now: float) -> dict[str, Any] | None:
        """Bring it up to date; the update for those who watch, or None where nothing changed. `now` in seconds."""
        new = [attempt for attempt in reading.attempts if attempt.id not in self._seen]
        changed = bool(new) or reading.progress != self.told
        shown = sum(attempt.id > self.last for attempt in new)
        self.told = reading.progress
        self.attempts = sorted([*new, *self.attempts], key=lambda attempt: -attempt.id)[:SHOWN_ATTEMPTS]
        self._remember(new, now)
        left_out = max(0, reading.newer - shown)
        return _frame("update", reading.progress, new, left_out) if changed else None

    def snapshot(self, progress: Progress) -> dict[str, Any]:
        """All that a page needs to start, or to start over."""
        return _frame("snapshot", progress, self.attempts, 0)

    def _remember(self, new: list[AttemptRow], now: float) -> None:
        self._seen.update(attempt.id for attempt in new)
        self.last = max([self.last, *(attempt.id for attempt in new)])
        self._marks.append((now, self.last))
        while self._marks[0][0] < now - OVERLAP:
            self.after = self._marks.popleft()[1]
        self._seen = {key for key in self._seen if key > self.after}


def encode(frame: dict[str, Any]) -> str:
    return json.dumps(frame, cls=DjangoJSONEncoder)


def _frame(kind: str, progress: Progress, attempts: list[AttemptRow], left_out: int) -> dict[str, Any]:
    return {
        "type": kind,
        "progress": {**asdict(progress), "percent": progress.percent, "closed": progress.closed},
        "attempts": [asdict(attempt) for attempt in attempts],
        "left_out": left_out,
    }
