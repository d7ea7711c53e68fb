"""`make bench-million`: a million recipients, imported and mailed to, on PostgreSQL, with the pages open meanwhile."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.__main__ import temporary_folder
from benchmarks.documents import write_section
from benchmarks.machine import facts
from benchmarks.mails import address
from benchmarks.memory import Memory
from benchmarks.servers import create_database, durable_postgres, mail_server, redis, settings_of
from benchmarks.sites import Site
from benchmarks.tables import Row, Said, p95, table
from benchmarks.visits import Visitor

OWNER = "million@example.com"
AT_MOST = 780.0  # seconds from *Send*; what is not sent by then is not waited for
LOOK_EVERY = 0.3  # seconds between two visits
VISITS_AFTER = 30


def main() -> None:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_signal: sys.exit(1))
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        mail = stack.enter_context(mail_server(folder))
        server = stack.enter_context(durable_postgres(folder))
        create_database(server.url)
        keeper = stack.enter_context(redis(folder))
        site = stack.enter_context(Site(folder / "site", server.url, keeper.url))
        session = site.ask("make_owner", OWNER, 0)
        url, pages = stack.enter_context(site.pages())
        visitor = Visitor(url, session)
        rows = [_imported(visitor, pages.pid, _csv(folder, options.recipients))]
        with site.sender(mail.port, "--watch") as sender, Memory(sender.pid) as memory:
            rows += _sent(site, visitor, options.seconds)
        rows.append(_memory_row(memory))
        parts = [
            *(f"- {fact}" for fact in facts()),
            f"- {server.description}, {settings_of(server.url)}; {keeper.description}; to {mail.description}; one run",
            "",
            table(rows, {}),
        ]
    text = "\n".join(parts)
    print(f"\n{text}")
    if options.write:
        write_section("make bench-million", text)


def _csv(folder: Path, n: int) -> Path:
    file = folder / "recipients.csv"
    with file.open("w") as lines:
        lines.write("email,full_name,comment\n")
        lines.writelines(f"{address(i)},Person {i},number {i}\n" for i in range(n))
    return file


def _imported(visitor: Visitor, pid: int, file: Path) -> Row:
    """By the page's form, as a person does it."""
    with Memory(pid) as memory:
        seconds, text = visitor.upload("/recipients/import/", file)
    print(f"imported in {seconds:.0f} s; {memory.text}", flush=True)
    assert "left out" in text
    found = f"**{seconds:.0f} s**; the web process held {memory.text}"
    what = f"import of a CSV of {file.stat().st_size / 1e6:.0f} MB by its page"
    return Said(what, found, "≤ 120 s, memory flat", seconds <= 120 and memory.is_flat)


def _sent(site: Site, visitor: Visitor, most: float) -> list[Row]:
    """Press *Send*, visit the pages while it sends, and after."""
    mailing_id = int(site.ask("make_mailing", OWNER))
    while not site.ask("has_sender"):
        time.sleep(0.1)
    page = f"/mailings/{mailing_id}/"
    paths = {"mailing": page, "deliveries": f"{page}deliveries/", "attempts": f"{page}attempts/"}
    pressed_at = time.time()
    took = visitor.press(page, f"{page}start/")
    now = _until_done(site, visitor, mailing_id, paths, pressed_at + most)
    sent_within = time.time() - pressed_at
    meanwhile = {name: p95(seconds) for name, seconds in visitor.seconds.items()}
    visitor.seconds.clear()
    for _visit in range(VISITS_AFTER):
        for name, path in paths.items():
            visitor.visit(name, path)
    after = {name: p95(seconds) for name, seconds in visitor.seconds.items()}
    return [
        _first_row(now, pressed_at, took),
        _made_row(now, pressed_at),
        _pages_row("while it sends", meanwhile),
        _pages_row("afterwards", after),
        _rate_row(now, sent_within),
        _audit_row(site.ask("audit", mailing_id)),
    ]


def _until_done(
    site: Site, visitor: Visitor, mailing_id: int, paths: dict[str, str], deadline: float
) -> dict[str, Any]:
    told_at = 0.0
    while True:
        for name, path in paths.items():
            visitor.visit(name, path)
            time.sleep(LOOK_EVERY)
        now: dict[str, Any] = site.ask("progress", mailing_id)
        if time.time() - told_at > 15:
            told_at = time.time()
            print(f"  {now['counts']}", flush=True)
        if now["status"] != "sending" or time.time() > deadline:
            return now


def _first_row(now: dict[str, Any], pressed_at: float, took: float) -> Row:
    if now["first_at"] is None:
        return Said("first mail after *Send*", "none came", "≤ 5 s", False)
    seconds = now["first_at"] - pressed_at
    return Said("first mail after *Send*", f"**{seconds:.1f} s**, the page {took:.1f} s", "≤ 5 s", seconds <= 5)


def _made_row(now: dict[str, Any], pressed_at: float) -> Row:
    n = sum(now["counts"].values())
    if now["made_at"] is None:
        return Said("all deliveries made", f"only {n:,} of them", "≤ 90 s", False)
    seconds = now["made_at"] - pressed_at
    return Said(f"all {n:,} deliveries made", f"**{seconds:.0f} s**", "≤ 90 s", seconds <= 90)


def _pages_row(when: str, found: dict[str, float]) -> Row:
    words = ", ".join(f"{name} **{seconds * 1000:.0f} ms**" for name, seconds in found.items())
    what = f"page of that mailing, its deliveries and attempts, p95, {when}"
    return Said(what, words, "≤ 300 ms", max(found.values()) <= 0.3)


def _rate_row(now: dict[str, Any], seconds: float) -> Row:
    sent = now["counts"].get("sent", 0)
    return Said("sent, pages visited meanwhile", f"{sent:,} in {seconds:.0f} s = {sent / seconds:,.0f}/s", "", None)


def _audit_row(found: dict[str, float]) -> Row:
    seconds, differences = found["seconds"], int(found["differences"])
    words = f"**{seconds:.1f} s**, {differences} differences"
    return Said("`audit_mailing` of it, at its end", words, "≤ 10 s, 0 differences", seconds <= 10 and not differences)


def _memory_row(memory: Memory) -> Row:
    is_met = memory.late <= 200e6 and memory.is_flat
    return Said("sender's memory", memory.text, "≤ 200 MB and flat", is_met)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.million", description=__doc__)
    parser.add_argument("--recipients", type=int, default=1_000_000, help="fewer only to try it out")
    parser.add_argument("--seconds", type=float, default=AT_MOST, help="to wait for the end, from *Send*")
    parser.add_argument("--write", action="store_true", help="the result into docs/performance.md")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("Stopped; nothing is left behind.")
