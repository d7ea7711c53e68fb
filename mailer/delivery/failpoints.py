"""Named places where a test may have this process killed, to see what a crash right there leaves behind.

`FAILPOINT=name:n` in the environment kills it by SIGKILL when it comes to the place for the n-th time (the first, if no
number is given). Without the variable `reach` does nothing.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass

NAMES = frozenset(
    {
        "materialise.before_commit",
        "claim.before_commit",
        "claim.after_commit",
        "journal.before_handing_over",
        "journal.after_handing_over",
        "dot.written",
        "journal.before_reply",
        "journal.after_reply",
        "ledger.before_commit",
        "ledger.after_commit",
        "journal.before_unlink",
        "release",
        "sweep.before_record",
        "sweep.after_record",
    }
)


@dataclass
class Armed:
    name: str
    passes_left: int


def armed_by(variable: str) -> Armed | None:
    """What FAILPOINT says. Raises ValueError for a name that is none: the test would wait in vain."""
    name, _colon, number = variable.partition(":")
    if name and name not in NAMES:
        raise ValueError(f"FAILPOINT names no failpoint: {name}")
    return Armed(name, int(number or 1)) if name else None


_armed = armed_by(os.environ.get("FAILPOINT", ""))


def reach(name: str) -> None:
    """The process has come to the place of this name."""
    if _armed is None or _armed.name != name:
        return
    _armed.passes_left -= 1
    if _armed.passes_left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
