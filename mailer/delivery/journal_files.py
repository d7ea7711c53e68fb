"""Where the journals lie, and who lives: the owner of one holds a lock on it for life."""

from __future__ import annotations

import fcntl
import os
import re
import uuid
from functools import cache
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class JournalMissing(Exception):
    """There is no such journal: what its worker had handed over cannot be known."""


def journals_in(directory: Path) -> list[int]:
    """The numbers of the workers whose journals lie in the folder."""
    if not directory.exists():
        return []
    return [int(path.stem) for path in directory.iterdir() if re.fullmatch(r"\d+\.log", path.name)]


def locked(path: Path) -> int | None:
    """The file opened and locked, or None if another process holds the lock. Raises JournalMissing."""
    try:
        lock = os.open(path, os.O_RDONLY)
    except FileNotFoundError as error:
        raise JournalMissing(str(path)) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    if not _is_still(path, lock):  # removed by its owner, or by another that took it over, between open and lock
        os.close(lock)
        raise JournalMissing(str(path))
    return lock


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def segments_of(path: Path) -> list[Path]:
    """The journal's segments, oldest first."""
    numbered = {
        int(match[1]): other
        for other in path.parent.iterdir()
        if (match := re.fullmatch(rf"{re.escape(path.stem)}\.(\d+)\.log", other.name))
    }
    return [numbered[number] for number in sorted(numbered)]


@cache
def boot_id(path: Path = BOOT_ID) -> str:
    """What changes when the machine starts anew. Where that can't be told, each process counts as a boot."""
    try:
        return path.read_text().strip()
    except OSError:
        return uuid.uuid4().hex


def sync_directory(directory: Path) -> None:
    """Bring the folder's entries to the disk."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
