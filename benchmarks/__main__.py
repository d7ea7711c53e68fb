"""`make bench`: ours and its peers in the same minutes, on this machine."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from benchmarks.documents import write_section
from benchmarks.machine import facts
from benchmarks.pace import kept_rates
from benchmarks.rounds import FEW, MANY, Rounds, Sizes, nodemailer_is_there
from benchmarks.servers import create_database, durable_postgres, far_away, mail_server, redis, settings_of
from benchmarks.sites import Site
from benchmarks.tables import Most, Ratio, Row, spread, table
from benchmarks.where import where_time_goes

AT_MOST = 370.0  # seconds; two minutes for limits are added, and all of it stays within ten

ROWS: tuple[Row, ...] = (
    Ratio("whole pipeline with ledger on SQLite, over the bare aiosmtplib loop without one", "sqlite", "bare", 1.5),
    Ratio("whole pipeline with ledger on PostgreSQL, over the same", "postgres", "bare", 1.8),
    Ratio("the same by two workers that share the 20 connections", "two workers", "bare", 1.8),
    Ratio("whole pipeline over Django's SMTP backend, one connection per message", "postgres", "django", 20),
    Ratio("the same at 20 ms round trip, where its greetings take time", "postgres, 20 ms", "django, 20 ms", 20),
    Ratio("at 20 ms round trip, over the bare loop", "postgres, 20 ms", "bare, 20 ms", 3.5),
    Ratio("two workers at 20 ms round trip, over one", "two workers, 20 ms", "postgres, 20 ms", 1.8),
    Ratio("50 live pages open at 20 ms round trip, over none", "watched, 20 ms", "postgres, 20 ms", 0.95),
    Ratio("50 live pages open, saturated, over none", "watched", "postgres", 0.8),
    Most("from the server's reply to the number in a websocket client, at full speed, p95", "shown after", 1, "s"),
    Ratio("HTML + text with a 2 kB body each, over text alone", "html", "postgres", 0.7),
)


def main() -> None:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_signal: sys.exit(1))  # so that everything below is stopped in order
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        mail = stack.enter_context(mail_server(folder))
        server = stack.enter_context(durable_postgres(folder))
        create_database(server.url)
        keeper = stack.enter_context(redis(folder))
        sqlite = stack.enter_context(Site(folder / "sqlite"))
        postgres = stack.enter_context(Site(folder / "postgres-site", server.url, keeper.url))
        sizes = Sizes(*(max(20, round(n * options.scale)) for n in vars(Sizes()).values()))
        sqlite.ask("make_owner", MANY, sizes.many)
        session = postgres.ask("make_owner", MANY, sizes.many)
        few_session = postgres.ask("make_owner", FEW, sizes.few)
        pages, _process = stack.enter_context(postgres.pages())
        far = stack.enter_context(far_away(mail.port))
        rounds = Rounds(folder, mail.port, far, sqlite, postgres, pages, session, few_session, sizes)
        n = _run(rounds, options.seconds)
        parts = [
            *(f"- {fact}" for fact in facts()),
            f"- {server.description}, {settings_of(server.url)}; SQLite, synchronous=FULL; {keeper.description}",
            f"- to {mail.description}; {n} rounds, peers and ours in turn; medians, least and most in brackets",
            "",
            table([*ROWS, *kept_rates(postgres, mail.port)], rounds.samples),
            "",
            *_peers(rounds),
            "",
            "Where the time goes on PostgreSQL:",
            "",
            where_time_goes(postgres, MANY, mail),
        ]
    text = "\n".join(parts)
    print(f"\n{text}")
    if options.write:
        write_section("make bench", text)


def _run(rounds: Rounds, seconds: float) -> int:
    """As many rounds as fit into the time, at least one."""
    begun = time.monotonic()
    n = 0
    while n == 0 or (time.monotonic() - begun) * (n + 1) / n <= seconds:
        n += 1
        print(f"Round {n}:", flush=True)
        rounds.run_one(lambda line: print(line, flush=True))
    return n


def _peers(rounds: Rounds) -> list[str]:
    """The rates themselves, peers first, and what is missing."""
    names = {
        "bare": "`aiosmtplib.sendmail` in a loop on uvloop, no database",
        "django": "Django's SMTP backend",
        "nodemailer": "nodemailer's pool",
        "sqlite": "ours on SQLite",
        "postgres": "ours on PostgreSQL",
    }
    lines = []
    for name, words in names.items():
        if rates := rounds.samples.get(name):
            used = rounds.processor.get(name)
            processor = (
                f", {median(used):.0f} µs of processor in the sender for each, its start included" if used else ""
            )
            lines.append(f"- {words}: {spread(rates)}{processor}")
    if not nodemailer_is_there():
        lines.append("- nodemailer was not there (node, and NODE_PATH with nodemailer in it)")
    return lines


@contextmanager
def temporary_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="mailing-bench-"))
    folder.chmod(0o755)  # PostgreSQL may run under another account
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--seconds", type=float, default=AT_MOST, help="for the rounds; at least one is made")
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of mails; below 1 only to try it out")
    parser.add_argument("--write", action="store_true", help="the result into docs/performance.md")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("Stopped; nothing is left behind.")
