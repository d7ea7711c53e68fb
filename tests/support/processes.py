"""The product's own commands, run as people run them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.db import connection

from asgi_project.env import VARIABLES
from tests.support.servers import free_port


def bare_environment() -> dict[str, str]:
    """This process's environment without any setting of ours."""
    ours = {*VARIABLES, "ENV_FILE", "DJANGO_SETTINGS_MODULE"}
    return {name: value for name, value in os.environ.items() if name not in ours}


def manage(site: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """`manage.py` of the site in this folder, with these variables over its `.env`."""
    return run_python(site, "manage.py", *words, **variables)


def run_python(site: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Python in the site's folder, with these variables over its `.env`."""
    environment = {**bare_environment(), **variables}
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=site, env=environment, capture_output=True, text=True, check=False)


def suite_variables() -> dict[str, str]:
    """What makes a process of the working tree see this test process's Redis, and its database if PostgreSQL."""
    database = connection.settings_dict
    names = ("NAME", "USER", "PASSWORD", "HOST", "PORT") if connection.vendor == "postgresql" else ()
    return {
        "ENV_FILE": os.devnull,
        "SECRET_KEY": settings.SECRET_KEY,
        "DATA_DIR": str(settings.DATA_DIR),
        "REDIS_URL": settings.REDIS_URL,
        **{f"DB_{name}": str(database[name]) for name in names},
    }


@contextlib.contextmanager
def running_site(site: Path, *words: str, port: int | None = None, **variables: str) -> Iterator[str]:
    """`manage.py runserver` of the site in this folder: its address, once it answers."""
    port = port or free_port()
    with _answering(port, site, "manage.py", "runserver", f"127.0.0.1:{port}", *words, **variables) as address:
        yield address


@contextlib.contextmanager
def running_without_database(**variables: str) -> Iterator[str]:
    """The working tree's pages under Uvicorn alone, which asks no database at its start: their address."""
    port = free_port()
    command = ("-m", "uvicorn", "asgi_project.asgi:application", f"--port={port}")
    with _answering(port, settings.BASE_DIR, *command, **variables) as address:
        yield address


@contextlib.contextmanager
def _answering(port: int, site: Path, *words: str, **variables: str) -> Iterator[str]:
    environment = {**bare_environment(), **variables}
    with subprocess.Popen([sys.executable, *words], cwd=site, env=environment, start_new_session=True) as server:
        try:
            wait_for(f"http://127.0.0.1:{port}/healthz", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def wait_for(url: str, server: subprocess.Popen[bytes], seconds: float = 90) -> None:
    """Until the server answers at this address, whatever it answers. Raises AssertionError when it ends or is late."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert server.poll() is None, f"the server ended with exit code {server.returncode}"
        try:
            get(url)
        except OSError:  # URLError is one, and so is what is raised where it took the connection and says nothing yet
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"nothing answers at {url}")


def get(url: str) -> tuple[int, str]:
    """Status and text of a page; redirects are followed."""
    try:
        with urllib.request.urlopen(url, timeout=30) as response:  # noqa: S310 - our own server
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with contextlib.closing(error):
            return error.code, error.read().decode()
