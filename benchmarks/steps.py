"""Where a sender's time goes: `python benchmarks/steps.py send_mailings …` runs the command and looks at its stacks.

It patches nothing: a thread looks every two milliseconds at what the loop's thread and the database's are doing, and
books the time to the step whose module is innermost on each stack. The last line that it prints is JSON: seconds by
thread and step, and how long it looked.
"""

from __future__ import annotations

import json
import os
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
    "claim": ("claim", "restored"),
    "gate": ("gate",),
    "schedule": ("schedule", "materialise"),
    "render and compose": ("compose", "content", "segments", "mime", "headers", "dkim"),
    "SMTP": ("transaction", "connection", "transport", "pipeline", "groups"),
    "journal": ("journal",),
    "ledger": ("ledger", "salvage", "counts", "recorder", "copying"),
    "events": ("events",),
    "the rest of the engine": ("sender", "engine", "worker", "leash", "breaker", "supervise"),
}
STEP_OF = {module: step for step, modules in STEPS.items() for module in modules}
WAITING = "waiting, and the loop itself"
DATABASE_THREAD = "engine-database"


class Looker(threading.Thread):
    """Looks at the other threads' stacks until it is told to stop."""

    def __init__(self) -> None:
        super().__init__(name="looker", daemon=True)
        self.seconds: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._stopped = threading.Event()

    def run(self) -> None:
        before = time.perf_counter()
        while not self._stopped.wait(EVERY):
            now = time.perf_counter()
            names = {thread.ident: thread.name for thread in threading.enumerate()}
            for ident, frame in sys._current_frames().items():
                if thread := _kind(names.get(ident, "")):
                    self.seconds[thread][step_of(frame)] += now - before  # type: ignore[assignment]
            before = now

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def _kind(name: str) -> str:
    if name == "MainThread":
        return "loop"
    return "database" if name.startswith(DATABASE_THREAD) else ""


def step_of(frame: FrameType | None) -> str:
    """The step that the innermost of the engine's frames belongs to."""
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(ENGINE) and (step := STEP_OF.get(Path(path).stem)):
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
