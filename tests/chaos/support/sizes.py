"""How much chaos: CHAOS=full for all of it (`make chaos`), otherwise a short form; CHAOS_SEED decides every dice."""

from __future__ import annotations

import os
from dataclasses import dataclass

import pytest

IS_FULL = os.environ.get("CHAOS") == "full"
SEED = int(os.environ.get("CHAOS_SEED") or 1)
IS_SQLITE = os.environ.get("TEST_DB") == "sqlite"


@dataclass(frozen=True)
class Sizes:
    """How often, how many, and how long (in seconds)."""

    mails: int  # of the mailing in which senders are killed
    kills: int
    mails_one_by_one: int  # the same, where mails go one by one
    kills_one_by_one: int
    crowd: int  # of the smaller mailings
    terminations: int
    restarts: int
    outage: float
    look: float  # at a rate
    limit: int  # mails a second, of which the mail server could take twice as many
    rate_kept: float  # the part of the rate that must be left while Redis is away; a short look is noisy, and CI busy
    at_once: int  # mailings in a round of races, each of which is stopped: a third of them in each way
    rounds: int
    unsubscribed: int  # addresses, while their mail is in a sender's hands
    examples: int  # of random commands
    steps: int  # in each


FULL = Sizes(
    mails=10_000,
    kills=25,
    mails_one_by_one=1000,
    kills_one_by_one=5,
    crowd=600,
    terminations=5 if IS_SQLITE else 20,
    restarts=5,
    outage=60.0,
    look=5.0,
    limit=500,
    rate_kept=0.95,
    at_once=150,
    rounds=2 if IS_SQLITE else 4,
    unsubscribed=20 if IS_SQLITE else 200,
    examples=40,
    steps=60,
)
SHORT = Sizes(
    mails=300,
    kills=2,
    mails_one_by_one=300,
    kills_one_by_one=2,
    crowd=240,
    terminations=2,
    restarts=1,
    outage=3.0,
    look=1.5,
    limit=200,  # what a busy machine can do too
    rate_kept=0.5,
    at_once=30,
    rounds=1,
    unsubscribed=20,
    examples=8,
    steps=40,
)
SIZES = FULL if IS_FULL else SHORT

# Whether the mail servers offer PIPELINING, for what is tried both ways.
GROUPS = [True, False] if IS_FULL else [True]
WAY = {True: "in groups", False: "one by one"}.__getitem__

once = pytest.mark.skipif(IS_SQLITE, reason="Tried with PostgreSQL.")
full_only = pytest.mark.skipif(not IS_FULL, reason="make chaos tries it.")
once_in_short = pytest.mark.skipif(IS_SQLITE and not IS_FULL, reason="Tried with PostgreSQL; make chaos tries it.")
