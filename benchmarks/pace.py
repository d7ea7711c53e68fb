"""How exactly a limit is kept: so many mails a second asked for, over a minute, by one worker and by three."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.sites import Site
from benchmarks.tables import Said

OWNER = "paced@example.com"
PER_SECOND = 50
SECONDS = 60
TOLERANCE = 0.02


def kept_rates(site: Site, smtp_port: int) -> Iterator[Said]:
    """A row for each number of workers. Takes twice the time that is measured."""
    site.ask("make_owner", OWNER, PER_SECOND * SECONDS)
    for workers, words in ((1, "one worker"), (3, "three workers")):
        mailing_id = int(site.ask("make_mailing", OWNER))
        site.ask("limit", mailing_id, PER_SECOND)
        sent = site.send(smtp_port, mailing_id, workers)
        rate = (sent.mails - 1) / sent.seconds  # the first mail opens the time that is measured
        deviation = rate / PER_SECOND - 1
        yield Said(
            f"{PER_SECOND}/s asked for over {SECONDS} s, with {words}",
            f"**{rate:.2f}/s** ({deviation:+.2%})",
            f"± {TOLERANCE:.0%}",
            abs(deviation) <= TOLERANCE,
        )
