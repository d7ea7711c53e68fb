"""What a command shows while it sends: a bar on a terminal, a plain line every few seconds in a pipe."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from mailer.delivery.ledger import Recorded
from mailer.models import Delivery

LINE_EVERY = 2.0  # seconds

OnRecorded = Callable[[Recorded], None]


@contextmanager
def progress_on(output: TextIO, total: int) -> Iterator[OnRecorded]:
    """Show each recorded batch on `output`, out of `total` deliveries (more may become due)."""
    states: Counter[str] = Counter()
    if output.isatty():
        with _bar_on(output, states, total) as on_recorded:
            yield on_recorded
    else:
        yield _lines_on(output, states)


@contextmanager
def _bar_on(output: TextIO, states: Counter[str], total: int) -> Iterator[OnRecorded]:
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(file=output)) as bar:
        task = bar.add_task("", total=total)

        def on_recorded(recorded: Recorded) -> None:
            states.update(recorded.outcomes)
            done = states.total()
            bar.update(task, completed=done, total=max(done, total), description=summary_of(states))

        yield on_recorded


def _lines_on(output: TextIO, states: Counter[str]) -> OnRecorded:
    next_line = time.monotonic() + LINE_EVERY

    def on_recorded(recorded: Recorded) -> None:
        nonlocal next_line
        states.update(recorded.outcomes)
        if time.monotonic() >= next_line:
            next_line = time.monotonic() + LINE_EVERY
            output.write(summary_of(states) + "\n")

    return on_recorded


def summary_of(states: Counter[str]) -> str:
    """ "480 sent, 12 failed": how many deliveries came to which state."""
    named = ((n, Delivery.State(state).label.lower()) for state, n in sorted(states.items()) if n)
    return ", ".join(f"{n:,} {label}" for n, label in named)
