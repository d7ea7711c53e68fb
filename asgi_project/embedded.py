"""`python -m asgi_project.embedded`: the `.env` of an embedded start, where there is none yet."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

from asgi_project.env import BASE_DIR, VARIABLES

ENV = """\
# An embedded start: SQLite, no Redis, a mail catcher for an SMTP server, on this machine only.
# .env.example lists every variable; README.md says how to run it for real.
EMBEDDED=True
MAILCATCHER_PORT={port}
"""


def free_port(wanted: int) -> int:
    """The wanted port of this machine, or another one where that is taken."""
    with socket.socket() as probe:
        with contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", wanted))
            return wanted
        probe.bind(("127.0.0.1", 0))
        other: int = probe.getsockname()[1]
        return other


def write_env(file: Path) -> None:
    """Write the settings of an embedded start, unless the file is there: then it is never touched."""
    with contextlib.suppress(FileExistsError), file.open("x") as new:
        new.write(ENV.format(port=free_port(int(VARIABLES["MAILCATCHER_PORT"].default))))


if __name__ == "__main__":
    write_env(BASE_DIR / ".env")
