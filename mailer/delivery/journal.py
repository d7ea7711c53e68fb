"""The file that makes a crash exactly accountable: *handing over* before a body goes out, *reply* after.

A worker's journal is `<worker>.log`, which holds the header and the owner's `flock`, and the segments
`<worker>.1.log`, `<worker>.2.log` … of entries. A segment goes only after the ledger has committed all that it tells.
What another worker reads in it when its owner is dead, is in `takeover.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import json
import mmap
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mailer.delivery.failpoints import reach
from mailer.delivery.journal_files import JournalMissing, locked, segments_of, sync_directory
from mailer.delivery.journal_lines import LONGEST_LINE, line_of, outcome_fields
from mailer.delivery.outcome import Outcome

SEGMENT_BYTES = 4 * 1024 * 1024
LINE_END = ord("\n")

Key = tuple[int, int]
"""A delivery's id and the number of the attempt."""


class JournalUnwritable(Exception):
    """Nothing may be handed over: what happens next could not be accounted for."""


@dataclass
class Segment:
    """A file as long as it may become, written through memory, which outlives the process as the file does.

    A system call lets go of the interpreter, and the database's thread may keep it for milliseconds, twice a mail.
    """

    path: Path
    descriptor: int
    memory: mmap.mmap
    size: int = 0
    open_keys: set[Key] = field(default_factory=set)

    def append(self, line: bytes) -> None:
        """`line` is one without its end."""
        end = self.size + len(line)
        self.memory[self.size : end] = line
        self.memory[end] = LINE_END  # only now is it a line
        self.size = end + 1

    def close(self) -> None:
        self.memory.close()
        os.close(self.descriptor)


class Journal:
    """A worker's own journal, locked for as long as it lives. Made by `Journal.open`."""

    def __init__(self, path: Path, lock: int, sync: bool, segment_bytes: int) -> None:
        self._path = path
        self._lock = lock
        self._sync = sync
        self._segment_bytes = segment_bytes
        self._closed_segments: list[Segment] = []
        self._number = 0
        self._unsynced: list[asyncio.Future[None]] = []  # who waits for the disk
        self._syncing: asyncio.Task[None] | None = None
        self._is_kept = False
        self._segment = self._new_segment()

    @classmethod
    def open(
        cls,
        directory: Path,
        worker_id: int,
        host: str,
        boot_id: str,
        sync: bool,
        instance: str = "",
        segment_bytes: int = SEGMENT_BYTES,
    ) -> Journal:
        """Begin the worker's journal. Raises JournalUnwritable, also where another process holds its lock.

        With `sync` each hand-over is on the disk before it happens, and so outlives a power cut. `instance` is the
        token of the database's line of history.
        """
        path = directory / f"{worker_id}.log"
        try:
            directory.mkdir(parents=True, exist_ok=True)
            _set_leftovers_aside(path)
            lock = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _write(lock, 0, json.dumps(["header", host, boot_id, sync, instance]).encode())
                if sync:
                    os.fsync(lock)
                return cls(path, lock, sync, segment_bytes)
            except OSError:
                os.close(lock)
                raise
        except OSError as error:
            raise _unwritable(error) from error

    def handing_over(self, delivery_id: int, number: int, at: float) -> None:
        """To be called, and `synced` awaited, right before the final dot; `at` in seconds since 1970.

        Raises JournalUnwritable.
        """
        self._append((delivery_id, number), b'["handing over",%d,%d,%.6f]' % (delivery_id, number, at))

    async def synced(self) -> None:
        """With `sync`, wait until what is written is on the disk: one sync serves all who wait.

        Raises JournalUnwritable.
        """
        if not self._sync:
            return
        on_disk = asyncio.get_running_loop().create_future()
        self._unsynced.append(on_disk)
        if self._syncing is None or self._syncing.done():
            self._syncing = asyncio.create_task(self._sync_all())
        await on_disk

    def reply(self, delivery_id: int, number: int, at: float, outcome: Outcome) -> None:
        """To be called right after the outcome is known. Raises JournalUnwritable."""
        entry = b'["reply",%d,%d,%.6f,%b]' % (delivery_id, number, at, outcome_fields(outcome))
        self._append((delivery_id, number), entry)

    def recorded(self, keys: Iterable[Key]) -> None:
        """The ledger has committed what became of these: forget them, and segments that tell of nothing else."""
        done = set(keys)
        for segment in (self._segment, *self._closed_segments):
            segment.open_keys -= done
        for segment in [segment for segment in self._closed_segments if not segment.open_keys]:
            self._closed_segments.remove(segment)
            reach("journal.before_unlink")
            segment.path.unlink(missing_ok=True)

    def keep(self) -> None:
        """Leave the files when it is closed: that they do not mention a claim proves that it was not handed over."""
        self._is_kept = True

    def close(self) -> None:
        """Let go of the lock. The files go too, unless they are kept or something in them is not recorded yet."""
        segments = (self._segment, *self._closed_segments)
        if not (self._is_kept or any(segment.open_keys for segment in segments)):
            for segment in segments:
                reach("journal.before_unlink")
                segment.path.unlink(missing_ok=True)
            self._path.unlink(missing_ok=True)
        self._segment.close()
        os.close(self._lock)

    def _append(self, key: Key, entry: bytes) -> None:
        try:
            if self._segment.size >= self._segment_bytes:
                self._rotate()
            segment = self._segment
            segment.append(line_of(entry))
        except OSError as error:
            raise _unwritable(error) from error
        segment.open_keys.add(key)

    async def _sync_all(self) -> None:
        """Sync for those who wait, then for those who came meanwhile, on a thread, until nobody waits."""
        while self._unsynced:
            waiting, self._unsynced = self._unsynced, []
            descriptor = os.dup(self._segment.descriptor)  # the segment may be closed meanwhile
            try:
                await asyncio.to_thread(os.fdatasync, descriptor)
            except OSError as error:
                _fail(waiting, _unwritable(error))
            finally:
                os.close(descriptor)
            _succeed(waiting)

    def _rotate(self) -> None:
        full = self._segment
        if self._sync:
            os.fdatasync(full.descriptor)  # those who wait will sync the next one
        self._segment = self._new_segment()
        full.close()
        self._closed_segments.append(full)
        self.recorded(())

    def _new_segment(self) -> Segment:
        self._number += 1
        path = self._path.with_suffix(f".{self._number}.log")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            length = self._segment_bytes + LONGEST_LINE
            os.posix_fallocate(descriptor, 0, length)  # a full disk must say so here: in memory nobody could
            segment = Segment(path, descriptor, mmap.mmap(descriptor, length))
        except OSError:
            os.close(descriptor)
            raise
        if self._sync:
            sync_directory(path.parent)
        return segment


def _set_leftovers_aside(path: Path) -> None:
    """Keep, under another name, what another database's worker of the same id has left in this folder."""
    suffix = f".left-{time.time_ns()}"
    with contextlib.suppress(JournalMissing):
        lock = locked(path)
        if lock is None:
            raise BlockingIOError(f"another process writes {path}")
        path.rename(path.with_suffix(suffix))
        os.close(lock)
    for segment in segments_of(path):
        segment.rename(segment.with_suffix(suffix))


def _write(descriptor: int, size: int, entry: bytes) -> int:
    """Append one line to a file of that size and return its length. Raises OSError, with nothing half written."""
    line = line_of(entry) + b"\n"
    written = os.write(descriptor, line)
    if written < len(line):
        os.ftruncate(descriptor, size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return written


def _succeed(waiting: Iterable[asyncio.Future[None]]) -> None:
    for on_disk in waiting:
        if not on_disk.done():
            on_disk.set_result(None)


def _fail(waiting: Iterable[asyncio.Future[None]], error: JournalUnwritable) -> None:
    for on_disk in waiting:
        if not on_disk.done():
            on_disk.set_exception(error)


def _unwritable(error: OSError) -> JournalUnwritable:
    return JournalUnwritable(f"The journal cannot be written: {error.strerror or error}")
