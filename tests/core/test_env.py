from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from asgi_project.env import (
    MAKE_A_KEY,
    SECRETS,
    VARIABLES,
    Settings,
    embedded_secret_key,
    made_folder,
    refuse_stray_lines,
)
from tests.support.processes import manage, run_python

EXAMPLE = settings.BASE_DIR / ".env.example"
KEY = "a-key-of-these-tests-0123456789-abcdefghijklmnopqrstuvwxyz"
RANDOM = "q7Zt2_mVwXk9-RbLc4HsYgJ1NpFdUe6oAiTz0B8KxQvMr3W5hSjEnGyPuCfDlOa-7kI"


def test_it_lists_every_variable_with_its_default_in_the_example() -> None:
    written = dict(re.findall(r"^(\w+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE))
    assert written == {name: variable.default for name, variable in VARIABLES.items()}


def test_it_explains_every_variable_in_the_example() -> None:
    paragraphs = EXAMPLE.read_text().strip().split("\n\n")[1:]
    assert [len(paragraph.splitlines()) for paragraph in paragraphs] == [2] * len(VARIABLES)
    assert all(re.fullmatch(r"# .{10,}\.?\n\w+=.*", paragraph) for paragraph in paragraphs)


def test_it_lists_every_variable_in_the_readme() -> None:
    readme = (settings.BASE_DIR / "README.md").read_text()
    assert set(re.findall(r"^\| `(\w+)`", readme, re.MULTILINE)) == set(VARIABLES)


def test_it_reads_the_example_as_the_defaults(tmp_path: Path) -> None:
    copy = tmp_path / "env"
    copy.write_text(EXAMPLE.read_text().replace("SECRET_KEY=", f"SECRET_KEY={KEY}"))
    wanted = ["DEFAULT_FROM_EMAIL", "DB_PORT", "EMAIL_USE_TLS", "SECRET_KEY", "DATA_DIR"]
    script = f"from asgi_project.env import load; s = load(); print([s[name] for name in {wanted}])"
    assert (
        run_python(settings.BASE_DIR, "-c", script, ENV_FILE=str(copy)).stdout.strip()
        == f"['Mailing Service <noreply@localhost>', 5432, True, '{KEY}', 'data']"
    )


MALFORMED = [
    ("DEBUG", "maybe", "True or False"),
    ("PORT", "http", "port number"),
    ("DB_PORT", "0", "port number"),
    ("EMAIL_PORT", "65536", "port number"),
    ("SEND_CONCURRENCY", "-3", "whole number"),
    ("SEND_CONCURRENCY", "0", "whole number"),
    ("SEND_CONCURRENCY", "1001", "from 1 to 1000"),
    ("SITE_URL", "mail.example.com", "https://mail.example.com"),
    ("SITE_URL", "https://mail.example.com/path", "without a path"),
    ("SITE_URL", "https://mail.example.com:99999", "https://mail.example.com"),
    ("TIME_ZONE", "Moon/Tranquility", "IANA"),
    ("DATA_DIR", " ", "path of a folder"),
    ("SITE_URL", "http://*", "https://mail.example.com"),
    ("SITE_URL", "https://.example.com", "https://mail.example.com"),
    ("SITE_URL", "https://[mail.example.com", "https://mail.example.com"),
    ("REDIS_URL", "127.0.0.1:6379", "redis://"),
    ("REDIS_URL", "redis://cache:abc", "redis://"),
    ("REDIS_URL", "redis://cache:99999", "redis://"),
    ("REDIS_URL", "redis://[", "redis://"),
    ("EMAIL_BACKEND", "", "dotted path"),
    ("DEFAULT_FROM_EMAIL", "Our Club", "news@example.com"),
    ("DEFAULT_FROM_EMAIL", "a@example.com\nBcc: b@example.com", "news@example.com"),
    ("FROM_ADDRESSES", "Our Club <news@example.com>", "news@example.com,team@example.com"),
    ("FROM_ADDRESSES", "a@example.com b@example.com", "news@example.com,team@example.com"),
    ("UNSUBSCRIBE_MAILTO", "Our Club <leave@example.com>", "unsubscribe@example.com"),
    ("UNSUBSCRIBE_MAILTO", "mailto:leave", "unsubscribe@example.com"),
    ("JOURNAL_SYNC", "sometimes", "none"),
    ("TRUSTED_PROXIES", "10.0.0.0/8, proxy", "networks"),
    ("EMBEDDED", "", "True or False"),
    ("DKIM_DOMAIN", "127.0.0.1", "a domain like example.com"),
    ("DKIM_DOMAIN", "https://example.com", "a domain like example.com"),
    ("DKIM_SELECTOR", "a, a", "two different ones"),
    ("DKIM_SELECTOR", "a,b,c", "or two"),
    ("DKIM_SELECTOR", "a b", "letters, digits and hyphens"),
    ("DKIM_KEY_FILE", "a.pem,b.pem,c.pem", "or two"),
    ("DNS_RESOLVER", "dns.example.com", "an IP address and a port"),
    ("DNS_RESOLVER", "127.0.0.1:0", "an IP address and a port"),
    ("DNS_RESOLVER", "127.0.0.1:53/x", "an IP address and a port"),
    ("DNS_RESOLVER", "me@127.0.0.1", "an IP address and a port"),
]


@pytest.mark.parametrize(("name", "value", "hint"), MALFORMED)
def test_it_names_a_malformed_variable_and_what_it_takes(name: str, value: str, hint: str) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        Settings({name: value})[name]
    assert str(caught.value).startswith(f"{name} takes")
    assert hint in str(caught.value)
    assert (repr(value) in str(caught.value)) == (name not in SECRETS)


def test_it_never_shows_a_secret() -> None:
    for url in ("http://:hunter2@127.0.0.1", "redis://:hunter2/@127.0.0.1"):
        with pytest.raises(ImproperlyConfigured) as caught:
            Settings({"REDIS_URL": url})["REDIS_URL"]
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("host", ["localhost", "mail-1.example.com", "192.0.2.1", "[2001:db8::1]", "web:8000"])
def test_it_takes_a_site_by_name_or_ip_address(host: str) -> None:
    assert Settings({"SITE_URL": f"https://{host}/"})["SITE_URL"] == f"https://{host}"


@pytest.mark.parametrize(
    "key",
    [
        "hunter2",
        RANDOM[:40],
        "changeme",
        "secret" * 10,
        "0123456789" * 5,
        "0123456789abc" * 4,
        "django-insecure-" + RANDOM,
        "Change-Me-" + RANDOM,
        "your-secret-key-goes-here-0123456789-abcdefghijklmnop",
        "...",
    ],
)
def test_it_refuses_a_key_that_can_be_guessed_without_showing_it(key: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"SECRET_KEY takes .*50 random") as caught:
        Settings({"SECRET_KEY": key})["SECRET_KEY"]
    assert repr(key) not in str(caught.value)


def test_it_takes_the_key_that_it_tells_how_to_make() -> None:
    made = run_python(settings.BASE_DIR, "-c", MAKE_A_KEY.split("'")[1]).stdout
    assert Settings({"SECRET_KEY": made})["SECRET_KEY"] == made.strip()
    assert Settings({"SECRET_KEY": RANDOM})["SECRET_KEY"] == RANDOM


def test_it_reads_where_the_dns_is_asked() -> None:
    given = {"": None, "127.0.0.1": ("127.0.0.1", 53), " 9.9.9.9:5353 ": ("9.9.9.9", 5353), "[::1]:54": ("::1", 54)}
    assert {value: Settings({"DNS_RESOLVER": value})["DNS_RESOLVER"] for value in given} == given


def test_it_has_other_defaults_under_the_embedded_start() -> None:
    embedded = Settings({"EMBEDDED": "True"})
    assert (embedded["DEBUG"], embedded["EMAIL_HOST"], embedded["EMAIL_USE_TLS"]) == (True, "127.0.0.1", False)
    assert (Settings({})["DEBUG"], Settings({})["EMAIL_HOST"]) == (False, "")
    assert (embedded["NEW_ACCOUNT_DAILY_CAP"], Settings({})["NEW_ACCOUNT_DAILY_CAP"]) == (0, 100)


@pytest.mark.parametrize("line", ["DB_PORT = 5433", "DB_PORT", " DB_PORT=5433", "- DB_PORT=5433"])
def test_it_refuses_a_line_that_would_be_passed_over(tmp_path: Path, line: str) -> None:
    file = tmp_path / "env"
    file.write_text(f"# a comment\n\nDEBUG=True\n{line}\n")
    with pytest.raises(ImproperlyConfigured, match="line 4"):
        refuse_stray_lines(file)


def test_it_refuses_a_file_that_is_not_text(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("DEBUG=True", encoding="utf-16")
    with pytest.raises(ImproperlyConfigured, match="can't be read"):
        refuse_stray_lines(file)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"SECRET_KEY": KEY, "DB_PORT": "postgres"}, "DB_PORT takes a port number"),
        ({}, "SECRET_KEY is empty"),
        ({"SECRET_KEY": KEY, "EMAIL_USE_TLS": "1", "EMAIL_USE_SSL": "1"}, "choose one"),
        ({"SECRET_KEY": KEY, "EMAIL_BACKEND": "nope.Nope"}, "EMAIL_BACKEND nope.Nope can't be imported"),
        ({"SECRET_KEY": KEY, "EMAIL_BACKEND": "os.path.join"}, "EMAIL_BACKEND os.path.join is no mail backend"),
    ],
)
def test_it_stops_the_start_with_one_clear_line(tmp_path: Path, variables: dict[str, str], message: str) -> None:
    done = manage(settings.BASE_DIR, "check", ENV_FILE=os.devnull, DATA_DIR=str(tmp_path), **variables)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_it_says_when_the_database_does_not_answer(tmp_path: Path) -> None:
    (tmp_path / "mailing.sqlite3").mkdir()
    done = manage(settings.BASE_DIR, "migrate", ENV_FILE=os.devnull, SECRET_KEY=KEY, DATA_DIR=str(tmp_path))
    assert done.returncode == 1
    assert "The database does not answer" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_makes_the_data_folder_or_says_why_not(tmp_path: Path) -> None:
    assert made_folder(tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(ImproperlyConfigured, match=r"DATA_DIR .* can't be made: File exists"):
        made_folder(tmp_path / "file")


def test_it_makes_the_embedded_secret_key_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    made = embedded_secret_key(tmp_path)
    assert len(made) > 50
    assert embedded_secret_key(tmp_path) == made == Settings({"SECRET_KEY": made})["SECRET_KEY"]
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600
