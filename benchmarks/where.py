"""Where the time of one mail goes, as `steps.py` sees it, in µs of the thread that it is spent on."""

from __future__ import annotations

import json

from benchmarks.servers import MailServer
from benchmarks.sites import Site
from benchmarks.steps import DATABASE_THREADS, STEPS, WAITING

STEPS_PROGRAM = "benchmarks/steps.py"


def where_time_goes(site: Site, owner: str, mail: MailServer) -> str:
    """A Markdown table, from one run under the eyes of the looker, which slows it by some percent."""
    mailing_id = int(site.ask("make_mailing", owner))
    site.ask("start", mailing_id)
    with site.sender(mail.port, f"--mailing={mailing_id}", program=STEPS_PROGRAM) as sender:
        seen = json.loads(sender.output().splitlines()[-1])
    measured = site.ask("measured", mailing_id)
    return _table(seen["seconds"], int(measured["sent"]), float(measured["seconds"]))


def _table(seconds: dict[str, dict[str, float]], mails: int, lasted: float) -> str:
    lines = ["| step | loop, µs a mail | claims and results | schedule and gate |", "|---|---|---|---|"]
    for step in [*STEPS, WAITING]:
        figures = (seconds.get(thread, {}).get(step, 0.0) / mails * 1e6 for thread in ("loop", *DATABASE_THREADS))
        lines.append(f"| {step} | {' | '.join(f'{figure:.1f}' for figure in figures)} |")
    lines.append(
        f"\n{mails:,} mails, {lasted / mails * 1e6:.0f} µs of the clock for each. The command's start and end"
        " are in too: as waiting, and as its first look at the schedule."
    )
    return "\n".join(lines)
