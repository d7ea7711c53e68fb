"""Processes that a run starts, and that are gone when it ends, however it ends."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

ROOT = Path(__file__).resolve().parent.parent

# Ends the program when our end of the pipe closes, which it does even when we are killed. Its first line is its number.
LEASH = (
    'exec 3<&0; "$@" </dev/null 3<&- & child=$!; echo $child; (read -r _ <&3; kill -TERM $child) 2>/dev/null & '
    "wait $child; status=$?; kill $! 2>/dev/null; exit $status"
)
PATIENCE = 60.0  # seconds that a program may take to end


class Failed(Exception):
    """A program ended otherwise than it should; the text has the end of what it said."""


class Running:
    """A program on a leash, from `with` to the end of its block. `said` is the file that it writes to."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], said: Path) -> None:
        self._command = ["sh", "-c", LEASH, "leash", *command]
        self._environment = dict(environment)
        self._said = said
        self.pid = 0

    def __enter__(self) -> Running:
        with self._said.open("ab") as said:
            self._leash = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                start_new_session=True,  # a Ctrl-C is for the run, which then stops its programs
            )
        self.pid = int(_pipe(self._leash.stdout).readline())
        return self

    def __exit__(self, *_exception: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.stop()

    def output(self, ends_with: Sequence[int] = (0,)) -> str:
        """All that it writes to its standard output until it ends by itself. Raises Failed."""
        text = _pipe(self._leash.stdout).read().decode()
        status = self._leash.wait()
        _pipe(self._leash.stdin).close()
        if status not in ends_with:
            raise Failed(f"{' '.join(self._command[4:])} ended with {status}:\n{text[-500:]}\n{self.tail()}")
        return text

    def stop(self) -> None:
        """Ask it to end, and wait for that; what does not end is killed."""
        if self._leash.poll() is None:
            _pipe(self._leash.stdin).close()
            try:
                self._leash.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(self._leash.pid, signal.SIGKILL)
                self._leash.wait()
        _pipe(self._leash.stdout).close()

    def tail(self) -> str:
        return self._said.read_text(errors="replace")[-2000:] if self._said.exists() else ""

    @property
    def has_ended(self) -> bool:
        return self._leash.poll() is not None


def python(*words: str) -> list[str]:
    """Python's command line for a module or file of this tree."""
    return [sys.executable, *words]


def resident(pid: int) -> int:
    """How much memory the process holds now, in bytes; 0 where it has gone."""
    status = Path(f"/proc/{pid}/status")
    if Path("/proc/self/status").exists():
        try:
            lines = status.read_text().splitlines()
        except OSError:
            return 0
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS")), 0)
    said = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return int(said or 0) * 1024


def processor_seconds() -> float:
    """What all programs that have ended by now have used of processors."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe
