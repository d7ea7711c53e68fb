"""How far each sender of this folder has come, beside the database: so that an older copy of it is noticed.

A worker's mark counts its claims and its renewals of the lease. The database has it first, in the same transaction;
the file, `<worker>.json`, before anything of the claim is handed over. Where a file is ahead, the database went back.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mailer.delivery.journal import JournalUnwritable
from mailer.delivery.journal_files import sync_directory


class DatabaseWentBack(Exception):
    """The database knows less than this worker has seen it commit: another copy has taken its place."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a file says. `instance` is the token of the database's line of history."""

    instance: str
    worker: int
    n: int


class MarkFile:
    """A worker's own mark. It never goes down, so that a line written over another is as long, or longer."""

    def __init__(self, folder: Path, instance: str, worker: int) -> None:
        """Raises JournalUnwritable, as `advance` does: what is not marked might go out again."""
        self._instance, self._worker = instance, worker
        self.n = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(folder / f"{worker}.json", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            self._write()
            os.fdatasync(self._file)
            sync_directory(folder)
        except OSError as error:
            raise _unwritable(error) from error

    def advance(self, n: int) -> None:
        self.n = n
        try:
            self._write()
        except OSError as error:
            raise _unwritable(error) from error

    def sync(self) -> None:
        """Bring it to the disk; done now and then, for a power cut and an older copy seldom come together."""
        try:
            os.fdatasync(self._file)
        except OSError as error:
            raise _unwritable(error) from error

    def close(self) -> None:
        os.close(self._file)

    def _write(self) -> None:
        line = json.dumps({"instance": self._instance, "worker": self._worker, "mark": self.n})
        os.pwrite(self._file, line.encode() + b"\n", 0)


def check_mark(mark: int, known: int) -> None:
    """Raises DatabaseWentBack unless the database's mark of a worker is ahead of the one that was known."""
    if mark <= known:
        raise DatabaseWentBack("The database is an older copy of itself.")


def read_marks(folder: Path) -> list[Mark]:
    """The marks of all workers that this folder knows. One that cannot be read says nothing."""
    return list(_readable(folder.glob("*.json"))) if folder.exists() else []


def forget_marks(folder: Path, workers: Iterable[int]) -> None:
    for worker in workers:
        (folder / f"{worker}.json").unlink(missing_ok=True)


def _readable(paths: Iterable[Path]) -> Iterator[Mark]:
    for path in paths:
        try:
            match json.loads(path.read_text()):
                case {"instance": str(instance), "worker": int(worker), "mark": int(n)}:
                    yield Mark(instance, worker, n)
        except (OSError, ValueError):  # a power cut may leave an empty one
            continue


def _unwritable(error: OSError) -> JournalUnwritable:
    return JournalUnwritable(f"The sender's mark cannot be written: {error.strerror or error}")
