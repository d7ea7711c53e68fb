"""What a dead worker's journal tells of each attempt that it had begun."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mailer.delivery.journal import Key
from mailer.delivery.journal_files import locked, segments_of
from mailer.delivery.journal_lines import outcome_of, parsed
from mailer.delivery.outcome import Outcome

CLOSED = -1


@dataclass(frozen=True, slots=True)
class Entry:
    """What a journal tells of one attempt. `outcome` and `replied_at` are None where no reply had come."""

    handed_over_at: float | None
    replied_at: float | None = None
    outcome: Outcome | None = None


class Takeover:
    """A dead worker's journal, locked until `remove` (after the ledger's commit) or `close` (to try again later)."""

    def __init__(self, path: Path, lock: int) -> None:
        self._path = path
        self._lock = lock
        self._segments = segments_of(path)
        self.host = ""
        self.boot_id = ""
        self.instance = ""
        self._synced = False
        self._damaged = False
        self.entries: dict[Key, Entry] = {}
        for line in self._lines():
            try:
                self._read(line)
            except ValueError:  # words that this version does not know
                self._damaged = True

    def proves_silence(self, boot_id: str, instance: str = "") -> bool:
        """Whether what it does not mention was never handed over.

        Not so after another boot, unless it was synced, nor when lines within it cannot be read; nor for a database
        that was restored: what it does not know of any more may have been recorded before, and gone from here.
        """
        is_whole = not self._damaged and self.boot_id != "" and self.instance == instance
        return is_whole and (self._synced or self.boot_id == boot_id)

    def remove(self) -> None:
        """The ledger has committed all of it."""
        for path in (*self._segments, self._path):
            path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Let go of the lock, and leave the files. May be called twice, and after `remove`."""
        if self._lock != CLOSED:
            os.close(self._lock)
            self._lock = CLOSED

    def _lines(self) -> Iterator[bytes]:
        for path in (self._path, *self._segments):
            yield from path.read_bytes().split(b"\n")[:-1]  # after the last line end: torn off by the crash

    def _read(self, line: bytes) -> None:
        match parsed(line):
            case ["header", str(host), str(boot_id), bool(synced), str(instance)]:
                self.host, self.boot_id, self._synced, self.instance = host, boot_id, synced, instance
            case ["handing over", int(delivery_id), int(number), float(at)]:
                self.entries[delivery_id, number] = Entry(at)
            case ["reply", int(delivery_id), int(number), float(at), *fields]:
                before = self.entries.get((delivery_id, number), Entry(None))
                self.entries[delivery_id, number] = Entry(before.handed_over_at, at, outcome_of(fields))
            case _:
                self._damaged = True


def take_over(directory: Path, worker_id: int) -> Takeover | None:
    """Another worker's journal, or None while the process that owns it lives. Raises JournalMissing."""
    path = directory / f"{worker_id}.log"
    lock = locked(path)
    return None if lock is None else Takeover(path, lock)
