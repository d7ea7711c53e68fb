"""The settings that the README gives for running it for real."""

from __future__ import annotations

import http.client
import re
import secrets
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from tests.support.processes import manage, running_site, suite_variables
from tests.support.servers import free_port

PUBLIC = {"Host": "mail.example.com"}
THROUGH_TLS = PUBLIC | {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"}


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    """The README's `.env`, its dots filled in."""
    readme = (settings.BASE_DIR / "README.md").read_text()
    block = re.search(r"^## Running it for real\n.*?^```sh\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    assert block
    file = tmp_path / "env"
    file.write_text(re.sub(r"=\.\.\.$", lambda _dots: f"={secrets.token_urlsafe(50)}", block[1], flags=re.MULTILINE))
    assert "..." not in file.read_text()
    return file


def test_djangos_check_for_deployment_finds_nothing(env_file: Path, tmp_path: Path) -> None:
    done = manage(
        settings.BASE_DIR,
        *("check", "--deploy", "--fail-level", "WARNING"),
        ENV_FILE=str(env_file),
        DATA_DIR=str(tmp_path),
    )
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


def test_it_shows_no_errors_in_full_unless_told_to(env_file: Path, tmp_path: Path) -> None:
    script = "from django.conf import settings; print(settings.DEBUG, settings.EMBEDDED)"
    shown = manage(settings.BASE_DIR, "shell", "-c", script, ENV_FILE=str(env_file), DATA_DIR=str(tmp_path))
    assert shown.stdout.split()[-2:] == ["False", "False"]


def ask(address: str, path: str, headers: dict[str, str]) -> tuple[int, http.client.HTTPMessage]:
    """Status and headers of one answer; redirects are not followed."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        response.read()
        return response.status, response.headers
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_behind_its_proxy_it_is_https_and_plain_http_is_led_there() -> None:
    site = suite_variables() | {"SITE_URL": "https://mail.example.com", "TRUSTED_PROXIES": "127.0.0.1"}
    with running_site(settings.BASE_DIR, "--noreload", port=free_port(), **site) as address:
        status, headers = ask(address, "/account/login/", THROUGH_TLS)
        assert status == 200
        assert headers["Strict-Transport-Security"] == "max-age=31536000"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "Secure" in headers["Set-Cookie"]
        status, headers = ask(address, "/account/login/", PUBLIC)
        assert (status, headers["Location"]) == (301, "https://mail.example.com/account/login/")
        assert ask(address, "/account/login/", THROUGH_TLS | {"Host": "evil.example"})[0] == 400
        for path in ("/healthz", "/readyz"):
            assert ask(address, path, {"Host": "10.0.0.7:8000"})[0] == 200


@pytest.mark.django_db(transaction=True)
def test_nobody_else_is_believed_about_tls() -> None:
    site = suite_variables() | {"SITE_URL": "https://mail.example.com", "TRUSTED_PROXIES": "192.0.2.1"}
    with running_site(settings.BASE_DIR, "--noreload", port=free_port(), **site) as address:
        assert ask(address, "/account/login/", THROUGH_TLS)[0] == 301


@pytest.mark.django_db(transaction=True)
def test_where_no_proxy_is_trusted_nothing_is_sent_round_in_circles() -> None:
    site = suite_variables() | {"SITE_URL": "https://mail.example.com"}
    with running_site(settings.BASE_DIR, "--noreload", port=free_port(), **site) as address:
        assert ask(address, "/account/login/", THROUGH_TLS)[0] == 200
