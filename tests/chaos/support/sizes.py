"""How much chaos: CHAOS=full for all of it (`make chaos`), otherwise a short form; CHAOS_SEED decides every dice."""

from __future__ import annotations

import os
from dataclasses import dataclass

import pytest

IS_FULL = os.environ.get("CHAOS") == "full"
SEED = int(os.environ.get("CHAOS_SEED") or 1)


@dataclass(frozen=True)
class Sizes:
    """How often, how many, and how long (in seconds)."""

    mails: int  # of the mailing in which senders are killed
    crowd: int  # of the smaller ones
    kills: int
    terminations: int
    restarts: int
    outage: float
    rate_kept: float  # the part of the rate that must be left while Redis is away; short looks are noisy


SIZES = Sizes(10_000, 600, 25, 20, 5, 60.0, 0.95) if IS_FULL else Sizes(300, 240, 2, 2, 1, 1.5, 0.8)

# Whether the mail servers offer PIPELINING, for what is tried both ways.
GROUPS = [True, False] if IS_FULL else [True]
WAY = {True: "in groups", False: "one by one"}.__getitem__

IS_SQLITE = os.environ.get("TEST_DB") == "sqlite"
once = pytest.mark.skipif(IS_SQLITE, reason="Tried with PostgreSQL.")
full_only = pytest.mark.skipif(not IS_FULL, reason="make chaos tries it.")
once_in_short = pytest.mark.skipif(IS_SQLITE and not IS_FULL, reason="Tried with PostgreSQL; make chaos tries it.")
