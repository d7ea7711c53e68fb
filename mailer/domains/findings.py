"""What a check found out: values for a page, a terminal or JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext_lazy as _


class Status(StrEnum):
    """Would it pass; from best to worst. What could not be found out never counts as a pass."""

    PASS = "pass"  # noqa: S105 - no password
    WARN = "warn"
    UNKNOWN = "unknown"
    FAIL = "fail"

    @property
    def label(self) -> Any:
        return LABELS[self]


LABELS = {
    Status.PASS: _("passes"),
    Status.WARN: _("passes, but"),
    Status.UNKNOWN: _("not known"),
    Status.FAIL: _("fails"),
}
RANK = list(Status)
ABOUT = {
    "spf": _("says which machines may send for the domain."),
    "dkim": _("is the signature that proves that the mail is the domain’s, and unchanged."),
    "dmarc": _("says what is to become of mail for which neither counts."),
    "mx": _("says where the domain takes its own mail, replies to yours among them."),
}


def worst(statuses: Iterable[Status]) -> Status:
    """The worst of them; of none, a pass."""
    return max(statuses, key=RANK.index, default=Status.PASS)


@dataclass(frozen=True)
class Finding:
    """One thing that was found, told in the language in which the check was made."""

    status: Status
    text: str


@dataclass(frozen=True)
class Record:
    """A DNS record: its name without the root's dot, its type, its value as one line."""

    name: str
    kind: str
    value: str


@dataclass
class Result:
    """What became of one check: its findings, the records that are there, and those to publish instead."""

    check: str
    findings: list[Finding] = field(default_factory=list)
    found: list[Record] = field(default_factory=list)
    publish: list[Record] = field(default_factory=list)

    def add(self, status: Status, text: str) -> None:
        self.findings.append(Finding(status, text))

    @property
    def about(self) -> Any:
        """What the check is of, as a sentence that begins with its name."""
        return ABOUT[self.check]

    @property
    def status(self) -> Status:
        return worst(finding.status for finding in self.findings)
