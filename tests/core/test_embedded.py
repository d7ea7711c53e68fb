from __future__ import annotations

import socket
from pathlib import Path

from django.conf import settings

from asgi_project import embedded
from asgi_project.embedded import write_env
from tests.support.processes import run_python
from tests.support.servers import free_port


def test_it_writes_settings_that_the_product_reads(tmp_path: Path) -> None:
    write_env(tmp_path / ".env")
    script = (
        "from asgi_project.env import load; s = load(); print(s.embedded, s['DEBUG'], s['MAILCATCHER_PORT'] > 1024)"
    )
    read = run_python(settings.BASE_DIR, "-c", script, ENV_FILE=str(tmp_path / ".env"))
    assert read.stdout.split() == ["True", "True", "True"]


def test_it_never_touches_settings_that_are_there(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DB_NAME=precious\n")
    write_env(tmp_path / ".env")
    assert (tmp_path / ".env").read_text() == "DB_NAME=precious\n"


def test_it_takes_another_port_where_the_usual_one_is_taken() -> None:
    taken = free_port()
    with socket.create_server(("127.0.0.1", taken)):
        assert embedded.free_port(taken) != taken
    assert embedded.free_port(taken) == taken
