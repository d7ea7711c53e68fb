"""A limit on how fast mail goes out, as people say it."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import ngettext

SECOND, MINUTE = 1, 60
UNITS = {SECOND: "s", MINUTE: "min"}
PERIODS = {unit: period for period, unit in UNITS.items()}


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `most` mails in `period` seconds. `str()` tells it in the reader's language."""

    most: int
    period: int

    @property
    def interval(self) -> float:
        """Seconds from one mail to the next."""
        return self.period / self.most

    @property
    def per_second(self) -> float:
        return self.most / self.period

    @property
    def code(self) -> str:
        """As audit entries keep it: "50/s"."""
        return f"{self.most}/{UNITS[self.period]}"

    def seconds_for(self, n: int) -> int:
        """How long so many mails take."""
        return round(n * self.interval)

    def __str__(self) -> str:
        words = {
            SECOND: ngettext("%(number)s per second", "%(number)s per second", self.most),
            MINUTE: ngettext("%(number)s per minute", "%(number)s per minute", self.most),
        }
        return words[self.period] % {"number": intcomma(self.most)}


def rate_of(code: str) -> Rate:
    """The rate with this code. Raises ValueError for anything else."""
    most, _slash, unit = code.partition("/")
    if unit not in PERIODS:
        raise ValueError(code)
    return Rate(int(most), PERIODS[unit])


def tightest(*rates: Rate | None) -> Rate | None:
    """The slowest of those that are there."""
    return min((rate for rate in rates if rate), key=lambda rate: rate.per_second, default=None)
