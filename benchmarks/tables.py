"""Measurements → medians, ratios and whether a target is met, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

Samples = Mapping[str, Sequence[float]]
"""What each run measured, round by round."""


@dataclass(frozen=True)
class Ratio:
    """A row: how one run's rate stands to another's in the same round."""

    what: str
    over: str
    under: str
    target: float

    def row(self, samples: Samples) -> str:
        pairs = list(zip(samples.get(self.over, ()), samples.get(self.under, ()), strict=False))
        if not pairs:
            return f"| {self.what} | not measured | ≥ {self.target:g} | |"
        ratios = [over / under for over, under in pairs]
        middle = median(ratios)
        rates = f"{spread([over for over, _ in pairs])} over {spread([under for _, under in pairs])}"
        ratio = f"**{middle:.2f}** ({min(ratios):.2f}–{max(ratios):.2f}) = {rates}"
        return f"| {self.what} | {ratio} | ≥ {self.target:g} | {verdict(middle >= self.target)} |"


@dataclass(frozen=True)
class Most:
    """A row: a quantity that must not be larger than its target. `unit` follows the number."""

    what: str
    run: str
    target: float
    unit: str

    def row(self, samples: Samples) -> str:
        values = samples.get(self.run, ())
        if not values:
            return f"| {self.what} | not measured | ≤ {self.target:g} {self.unit} | |"
        middle = median(values)
        found = f"**{middle:.3g}** ({min(values):.3g}–{max(values):.3g}) {self.unit}"
        return f"| {self.what} | {found} | ≤ {self.target:g} {self.unit} | {verdict(middle <= self.target)} |"


@dataclass(frozen=True)
class Said:
    """A row whose words say it all."""

    what: str
    found: str
    target: str
    is_met: bool | None

    def row(self, _samples: Samples) -> str:
        return f"| {self.what} | {self.found} | {self.target} | {'' if self.is_met is None else verdict(self.is_met)} |"


Row = Ratio | Most | Said


def verdict(is_met: bool) -> str:
    return "met" if is_met else "**not met**"


def table(rows: Sequence[Row], samples: Samples) -> str:
    head = ["| what | measured | target | |", "|---|---|---|---|"]
    return "\n".join([*head, *(row.row(samples) for row in rows)])


def spread(values: Sequence[float]) -> str:
    """A median with its least and most: "5,120/s (4,900–5,300)"."""
    return f"{median(values):,.0f}/s ({min(values):,.0f}–{max(values):,.0f})"


def p95(values: Sequence[float]) -> float:
    """The value that 95 of 100 do not exceed."""
    return quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]
