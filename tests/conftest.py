"""The suite starts its own servers, and knows nothing of a developer's settings: see `make test` in the README."""

from __future__ import annotations

import inspect
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
import hypothesis
import pytest
from asgiref.sync import async_to_sync
from django.utils import translation

from asgi_project.env import VARIABLES
from tests.support.servers import (
    Server,
    database_variables,
    find_chromium,
    program_version,
    start_postgres,
    start_redis,
)

if TYPE_CHECKING:
    from django.test import AsyncClient, Client

    from core.models import User
    from tests.support.smtp_server import SmtpServer

# Machines are noisy: how long one example takes is no finding. The suite's examples are the same in each run;
# `--hypothesis-profile=new` tries others.
QUIET = hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.register_profile("suite", QUIET, derandomize=True)
hypothesis.settings.register_profile("new", QUIET)
hypothesis.settings.load_profile("suite")

SERVERS = pytest.StashKey[list[Server]]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Before pytest-django loads the settings: servers and environment. Workers of xdist inherit both."""
    worker = getattr(config, "workerinput", {}).get("workerid")
    if worker is None:
        start_servers(config)
    else:
        claim_a_share(int(worker.removeprefix("gw")))
    Path(os.environ["DATA_DIR"]).mkdir(exist_ok=True)
    os.environ["DJANGO_SETTINGS_MODULE"] = "asgi_project.settings"
    django.setup()
    # A worker that inherited it would load the settings before it comes to claim its share.
    del os.environ["DJANGO_SETTINGS_MODULE"]


def start_servers(config: pytest.Config) -> None:
    folder = Path(tempfile.mkdtemp(prefix="mailing-tests-"))
    folder.chmod(0o755)  # PostgreSQL may run under another account
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    kind = os.environ.get("TEST_DB", "postgresql")
    if kind not in ("postgresql", "sqlite"):
        raise pytest.UsageError("TEST_DB takes postgresql or sqlite.")
    starters = [start_redis] if kind == "sqlite" else [start_redis, start_postgres]
    servers = config.stash[SERVERS] = []
    for start in starters:
        servers.append(start(folder))
        config.add_cleanup(servers[-1].stop)
    for name in VARIABLES:
        os.environ.pop(name, None)
    os.environ |= {
        "ENV_FILE": os.devnull,
        "SECRET_KEY": "for-tests-alone-0123456789-abcdefghijklmnopqrstuvwxyz",
        "DATA_DIR": str(folder / "data"),
        "REDIS_URL": servers[0].url,
        **(database_variables(servers[1].url) if kind == "postgresql" else {}),
    }


def claim_a_share(number: int) -> None:
    """A Redis database and a folder of this worker's own; pytest-django gives it a database too."""
    os.environ["REDIS_URL"] = f"{os.environ['REDIS_URL'].rstrip('/')}/{number + 1}"
    os.environ["DATA_DIR"] += f"-{number}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    used = [server.description for server in config.stash.get(SERVERS, [])]
    if os.environ.get("TEST_DB") == "sqlite":
        used.append(f"SQLite {sqlite3.sqlite_version}")
    if find_chromium.cache_info().currsize:
        used.append(f"{program_version(find_chromium())} ({find_chromium()})")
    terminalreporter.write_line(f"Servers used: {', '.join(used)}")
    if report := os.environ.get("SERVERS_USED"):  # `make test` runs pytest several times and tells at its end
        with Path(report).open("a") as file:
            file.writelines(f"{line}\n" for line in used)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run `async def` tests so that the database's transaction is the one that is rolled back."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    async_to_sync(pyfuncitem.obj)(**arguments)
    return True


@pytest.fixture(autouse=True)
def quick_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    """A request that a test makes in another language leaves it active: see LocaleMiddleware."""
    with translation.override("en"):
        yield


@pytest.fixture(autouse=True)
def no_mail_left_behind() -> Iterator[None]:
    """The site's own mails go out on a thread: none may land in the next test's outbox."""
    from core import outgoing

    yield
    assert outgoing.flush()


@pytest.fixture
def make_user(db: None) -> Callable[..., User]:
    """A saved account, confirmed and allowed to send without a cap; its password is `PASSWORD`."""
    from django.utils import timezone

    from core.models import User

    def make(email: str, **fields: Any) -> User:
        user = User.objects.create_user(email, PASSWORD, **{"sending_allowed_at": timezone.now(), **fields})
        user.confirm_email()
        return user

    return make


PASSWORD = "correct horse battery staple"


@pytest.fixture
def owner(make_user: Callable[..., User]) -> User:
    return make_user("owner@example.com", full_name="Olga Owner")


@pytest.fixture
def stranger(make_user: Callable[..., User]) -> User:
    return make_user("stranger@example.com", full_name="Stefan Stranger")


@pytest.fixture
def manager(make_user: Callable[..., User]) -> User:
    from django.contrib.auth.models import Group
    from django.core.management import call_command

    call_command("create_groups")
    user = make_user("manager@example.com", full_name="Mariam Manager")
    user.groups.add(Group.objects.get(name="Managers"))
    return user


@pytest.fixture
def superuser(make_user: Callable[..., User]) -> User:
    return make_user("superuser@example.com", is_staff=True, is_superuser=True)


@pytest.fixture
def page(owner: User, client: Client) -> Client:
    """A browser in which the owner is signed in."""
    client.force_login(owner)
    return client


@pytest.fixture
def signed_in(db: None) -> Callable[[User], AsyncClient]:
    """`signed_in(user)`: a client that signs in as this user before its first request."""
    from django.test import AsyncClient

    class SignedInClient(AsyncClient):
        def __init__(self, user: User) -> None:
            super().__init__()
            self.user = user

        async def generic(self, *args: Any, **kwargs: Any) -> Any:
            if not self.cookies:
                await self.aforce_login(self.user)
            return await super().generic(*args, **kwargs)

    return SignedInClient


@pytest.fixture(params=[True, False], ids=["in groups", "one by one"])
def pipelining(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the mail servers of a test offer PIPELINING: it is run with and without."""
    from tests.support.smtp_server import NO_GROUPS

    monkeypatch.setenv(NO_GROUPS, "" if request.param else "1")
    return bool(request.param)


@pytest.fixture
def site(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[SmtpServer | int], None]:
    """`site(server)`: this site's mail server is that one (or whatever listens on that port).

    The gate trusts a look for long: on a busy machine it would else shut, rightly, and mails be claimed again.
    """
    monkeypatch.setattr("mailer.delivery.gate.TRUSTED_FOR", 30.0)
    settings.DATA_DIR = tmp_path
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_USE_TLS, settings.EMAIL_TIMEOUT = "127.0.0.1", False, 30

    def use(server: SmtpServer | int) -> None:
        settings.EMAIL_PORT = server if isinstance(server, int) else server.port

    return use
