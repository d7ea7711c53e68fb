"""How much chaos: CHAOS=full for all of it (`make chaos`), otherwise a short form; CHAOS_SEED decides every dice."""

from __future__ import annotations

import os
from dataclasses import dataclass

IS_FULL = os.environ.get("CHAOS") == "full"
SEED = int(os.environ.get("CHAOS_SEED") or 1)


@dataclass(frozen=True)
class Sizes:
    """How often, how many, and how long (in seconds)."""

    mails: int
    kills: int
    terminations: int
    restarts: int
    outage: float
    rate_kept: float  # the part of the rate that must be left while Redis is away; short looks are noisy


SIZES = Sizes(10_000, 25, 20, 5, 60.0, 0.95) if IS_FULL else Sizes(500, 3, 3, 1, 3.0, 0.8)
