"""What the sink says that it took: the truth that the ledger is held against."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from pathlib import Path


class AcceptLog:
    """Reads on from where it was at every look."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.accepted: Counter[str] = Counter()
        self.message_ids: defaultdict[str, set[str]] = defaultdict(set)
        self.lost_replies = 0
        self._read_to = 0

    def look(self) -> int:
        """Read what is new; how many mails have been taken so far."""
        if not self.path.exists():
            return 0
        with self.path.open("rb") as file:
            file.seek(self._read_to)
            whole_lines = file.read().rpartition(b"\n")[0]
        if whole_lines:
            self._read_to += len(whole_lines) + 1
            for line in whole_lines.decode().splitlines():
                self._take(*line.split(" "))
        return self.accepted.total()

    def wait_for(self, total: int, most: float = 180.0) -> None:
        """Until so many mails have been taken. Raises AssertionError when that takes too many seconds."""
        deadline = time.monotonic() + most
        while self.look() < total:
            assert time.monotonic() < deadline, f"{self.accepted.total()} mails were taken, {total} waited for"
            time.sleep(0.005)

    def _take(self, word: str, address: str, message_id: str) -> None:
        if word == "lost":
            self.lost_replies += 1
        else:
            self.accepted[address] += 1
            self.message_ids[address].add(message_id)
