"""The mails that were caught: one file each, newest name last, so that a restart loses none."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MOST_KEPT = 10_000
HEADER_BYTES = 64 * 1024

_counter = itertools.count()


@dataclass(frozen=True)
class CaughtMail:
    """A mail in the inbox. `key` names it in addresses; `caught_at` is in seconds since 1970."""

    key: str
    caught_at: float
    path: Path

    def source(self) -> bytes:
        return self.path.read_bytes()

    def head(self) -> bytes:
        """Its beginning: the headers, and perhaps a little more."""
        with self.path.open("rb") as file:
            return file.read(HEADER_BYTES)


class Store:
    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def add(self, envelope_from: str, envelope_to: str, content: bytes) -> None:
        """Keep a mail; it is in the inbox when this returns. The envelope goes before it as trace headers."""
        self._directory.mkdir(parents=True, exist_ok=True)
        key = f"{time.time_ns():020d}-{os.getpid()}-{next(_counter)}"
        trace = f"Return-Path: <{envelope_from}>\r\nDelivered-To: {envelope_to}\r\n".encode()
        temporary = self._directory / f".{key}"
        temporary.write_bytes(trace + content)
        temporary.rename(self._directory / f"{key}.eml")

    def newest(self) -> Iterator[CaughtMail]:
        """Every mail, newest first."""
        for name in sorted(self._names(), reverse=True):
            yield self._mail(name)

    def find(self, key: str) -> CaughtMail | None:
        """The mail of that key, or None. A key is never taken for a path."""
        name = f"{key}.eml"
        return self._mail(name) if name in self._names() else None

    def count(self) -> int:
        return len(self._names())

    def clear(self) -> None:
        for name in self._names():
            (self._directory / name).unlink(missing_ok=True)

    def drop_oldest(self) -> None:
        """Keep no more than MOST_KEPT."""
        for name in sorted(self._names())[:-MOST_KEPT]:
            (self._directory / name).unlink(missing_ok=True)

    def _names(self) -> set[str]:
        if not self._directory.is_dir():
            return set()
        return {path.name for path in self._directory.glob("[0-9]*.eml")}

    def _mail(self, name: str) -> CaughtMail:
        key = name.removesuffix(".eml")
        return CaughtMail(key, int(key.partition("-")[0]) / 1e9, self._directory / name)
