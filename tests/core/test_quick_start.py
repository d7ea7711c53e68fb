"""The README's quick start, word for word, in a clean copy of the repository."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from tests.support.processes import get, manage, running_site

pytestmark = pytest.mark.skipif(os.environ.get("TEST_DB") == "sqlite", reason="the quick start is about PostgreSQL")


@pytest.fixture(scope="module")
def database() -> Iterator[dict[str, str]]:
    """The DB_* lines of a fresh PostgreSQL database."""
    name = f"quick_start_{uuid4().hex}"
    given = {variable: os.environ[variable] for variable in ("DB_USER", "DB_PASSWORD", "DB_HOST", "DB_PORT")}
    user, password, host, port = given.values()
    server = make_conninfo(dbname="postgres", user=user, password=password, host=host, port=port)
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        yield {"DB_NAME": name, **given}
        admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, database: dict[str, str]) -> Path:
    """A clone with `.env` filled in as the README says, migrated, with a superuser."""
    folder = tmp_path_factory.mktemp("site")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=settings.BASE_DIR, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.rstrip("\0").split("\0"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(settings.BASE_DIR / name, folder / name)
    fill_in(folder, {"SECRET_KEY": secrets.token_urlsafe(50), **database})
    assert manage(folder, "migrate").returncode == 0
    created = manage(
        folder, "createsuperuser", "--noinput", "--email=root@example.com", DJANGO_SUPERUSER_PASSWORD="s3same-open"
    )
    assert created.returncode == 0, created.stderr
    return folder


def fill_in(folder: Path, values: dict[str, str]) -> None:
    text = (folder / ".env.example").read_text()
    for name, value in values.items():
        text, found = re.subn(rf"^{name}=.*$", f"{name}={value}", text, flags=re.MULTILINE)
        assert found == 1
    (folder / ".env").write_text(text)


def test_it_serves_pages_and_their_style(site: Path) -> None:
    with running_site(site) as address:
        status, page = get(f"{address}/account/login/")
        assert status == 200
        assert 'type="password"' in page
        styles = re.findall(r'href="(/static/[^"]+\.css)"', page)
        assert styles
        for style in [*styles, "/static/admin/css/base.css"]:
            assert get(address + style)[0] == 200


def test_it_says_which_migrations_are_missing(site: Path) -> None:
    shown = manage(site, "migrate", "--plan")
    assert "No planned migration operations" in shown.stdout


def test_it_prints_a_mailing_with_the_console_backend(site: Path) -> None:
    made = manage(site, "shell", "--command", MAKE_A_MAILING)
    assert made.returncode == 0, made.stderr
    sent = manage(site, "send_mailings", EMAIL_BACKEND="django.core.mail.backends.console.EmailBackend")
    assert sent.returncode == 0, sent.stderr
    assert "To: Wanda Wanted <wanted@example.com>" in sent.stdout
    assert "Subject: Good morning" in sent.stdout


MAKE_A_MAILING = """
from datetime import timedelta
from django.utils import timezone
from core.models import User
from mailer.models import Mailing, Message, Recipient

owner = User.objects.get(email="root@example.com")
Recipient.objects.create(owner=owner, email="wanted@example.com", full_name="Wanda Wanted")
message = Message.objects.create(owner=owner, subject="Good morning", body="Hello {{ recipient.full_name }}!")
now = timezone.now()
Mailing.objects.create(
    owner=owner, message=message, starts_at=now, ends_at=now + timedelta(hours=1), status=Mailing.Status.SCHEDULED
)
"""
