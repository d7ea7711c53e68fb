"""A run leaves nothing behind, however it ends."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.processes import Failed, Running, python

SLEEPER = "import sys, time; print('up', flush=True); time.sleep(60)"


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 30
    while is_there(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_program_ends_with_its_block(tmp_path: Path) -> None:
    with Running(python("-c", SLEEPER), os.environ, tmp_path / "log") as running:
        assert is_there(running.pid)
    wait_until_gone(running.pid)


def test_a_program_ends_when_the_run_is_killed(tmp_path: Path) -> None:
    run = (
        "import os, sys, time; from pathlib import Path; from benchmarks.processes import Running, python\n"
        f"with Running(python('-c', {SLEEPER!r}), os.environ, Path({str(tmp_path / 'log')!r})) as running:\n"
        "    print(running.pid, flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", run], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.kill()
    wait_until_gone(pid)


def test_it_gives_what_a_program_prints_and_complains_of_how_it_ends(tmp_path: Path) -> None:
    with Running(python("-c", "print(42)"), os.environ, tmp_path / "log") as running:
        assert running.output() == "42\n"
    fails = "import sys; sys.exit('no luck')"
    with (
        Running(python("-c", fails), os.environ, tmp_path / "log") as running,
        pytest.raises(Failed, match="no luck"),
    ):
        running.output()
