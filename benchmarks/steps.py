"""Where a sender's time goes: `python benchmarks/steps.py send_mailings …` runs the command and looks at its stacks.

It patches nothing: every two milliseconds a timer's signal interrupts the loop's thread where it is, and the database's
threads are looked at too. Each look books the time since the last one to the step whose module is innermost on the
stack. The last line that it prints is JSON: seconds by thread and step, and how long it looked.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parent.parent
ENGINE = str(ROOT / "mailer" / "delivery") + os.sep
EVERY = 0.002  # seconds

# Modules of the engine by their step, from the innermost frame outwards; one that is not here is passed over.
STEPS = {
    "claim": ("claim", "sending", "taking", "limits", "pacer"),
    "gate": ("gate",),
    "schedule": ("schedule", "transitions", "materialise", "work_left"),
    "render": ("segments", "bodies"),
    "compose": ("compose", "content", "mime", "headers", "encodings", "dkim"),
    "SMTP": ("channel", "transaction", "replies", "outcome", "wire", "connection", "transport", "patience"),
    "journal": ("journal", "journal_lines"),
    "ledger": ("ledger", "salvage", "counts", "moves", "recorder"),
    "events": ("events",),
    "the rest of the engine": ("sender", "engine", "claimer", "worker", "leash", "breaker", "supervise", "intake"),
}
STEP_OF = {module: step for step, modules in STEPS.items() for module in modules}
WAITING = "waiting, and the loop itself"
DATABASE_THREADS = ("engine-database", "engine-aside")


class Looker:
    """Looks at the threads from the main one, which is the loop's, until it is told to stop.

    Another thread would need the interpreter to look, and see the loop's mostly where it waits and lets go of it.
    """

    def __init__(self) -> None:
        self.seconds: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._before = time.perf_counter()

    def start(self) -> None:
        signal.signal(signal.SIGALRM, self._look)
        signal.setitimer(signal.ITIMER_REAL, EVERY, EVERY)

    def stop(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _look(self, _signal: int, frame: FrameType | None) -> None:
        before, self._before = self._before, time.perf_counter()
        self._book("loop", frame, self._before - before)
        frames = sys._current_frames()
        for thread in threading.enumerate():
            name = thread.name.rpartition("_")[0]  # without the number that a pool gives it
            if name in DATABASE_THREADS:
                self._book(name, frames.get(thread.ident or 0), self._before - before)

    def _book(self, thread: str, frame: FrameType | None, seconds: float) -> None:
        self.seconds[thread][step_of(frame)] += seconds  # type: ignore[assignment]


def step_of(frame: FrameType | None) -> str:
    """The step that the innermost of the engine's frames belongs to."""
    while frame is not None:
        path, is_import = frame.f_code.co_filename, frame.f_code.co_name == "<module>"
        if path.startswith(ENGINE) and not is_import and (step := STEP_OF.get(Path(path).stem)):
            return step
        frame = frame.f_back
    return WAITING


def main() -> None:
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "asgi_project.settings")
    from django.core.management import execute_from_command_line

    looker = Looker()
    looker.start()
    begun = time.perf_counter()
    status: object = 0
    try:
        execute_from_command_line(sys.argv)
    except SystemExit as ended:
        status = ended.code
    looker.stop()
    print(json.dumps({"seconds": looker.seconds, "looked": time.perf_counter() - begun}))
    sys.exit(status)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
