"""A mailing with people looking at it: what that costs, and how soon they see what happens."""

from __future__ import annotations

import json
import subprocess
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.processes import ROOT, Failed, python
from benchmarks.sites import Measured, Site
from benchmarks.tables import p95

PAGES = 50
LAST_FRAME = 1.5  # seconds in which what was told last has come


@dataclass
class Watching:
    """What the first of the pages was told, once the block that watches has ended."""

    frames: list[tuple[float, int]] = field(default_factory=list)


@contextmanager
def watching(url: str, session: str, mailing_id: int) -> Iterator[Watching]:
    """PAGES open pages of this mailing, in a process of their own. Raises Failed."""
    address = f"{url.replace('http://', 'ws://')}/ws/mailings/{mailing_id}/"
    watchers = subprocess.Popen(
        python("-m", "benchmarks.watchers", address, session, str(PAGES)),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    found = Watching()
    said = ""
    try:
        assert watchers.stdout is not None
        if watchers.stdout.readline().strip() != "ready":
            raise Failed("The live pages could not be opened.")
        yield found
        time.sleep(LAST_FRAME)
    finally:
        said, _errors = watchers.communicate()
    found.frames = [(at, sent) for at, sent in json.loads(said)]


def watched_run(site: Site, smtp_port: int, owner: str, url: str, session: str) -> tuple[Measured, float]:
    """A mailing under the eyes of PAGES: the run, and the p95 of the seconds from a reply to its number on a page."""
    mailing_id = int(site.ask("make_mailing", owner))
    with watching(url, session, mailing_id) as found:
        run = site.send(smtp_port, mailing_id)
    return run, p95(delays(site.ask("reply_times", mailing_id), found.frames))


def delays(replies: Sequence[float], frames: Sequence[tuple[float, int]]) -> list[float]:
    """For each reply, in order, how long after it a page was told a number that holds it. Raises Failed."""
    numbers = [sent for _at, sent in frames]
    if not numbers or numbers[-1] < len(replies):
        raise Failed(f"The page was told of {numbers[-1] if numbers else 0} of {len(replies)} mails.")
    return [frames[bisect_left(numbers, count)][0] - at for count, at in enumerate(replies, start=1)]
