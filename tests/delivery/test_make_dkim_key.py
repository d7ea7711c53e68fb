"""A key, its DNS record and the lines for .env: what is printed works as it is."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Any

import dkim
import pytest
from django.core.management import CommandError, call_command

from asgi_project.env import Settings
from mailer.delivery.dkim import signer_from_settings

MAIL = b"From: a@example.com\r\nSubject: Hello\r\n\r\nHello\r\n"


@pytest.fixture(autouse=True)
def data_dir(settings: Any, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path
    return tmp_path


def make(capsys: Any, *words: str) -> str:
    call_command("make_dkim_key", *words)
    return str(capsys.readouterr().out)


@pytest.mark.parametrize(("words", "selector"), [((), "mailing"), (("--ed25519",), "mailing-ed25519")])
def test_what_it_prints_signs_and_verifies(capsys: Any, settings: Any, words: tuple[str, ...], selector: str) -> None:
    told = make(capsys, "Example.com", *words)
    variables = Settings(dict(re.findall(r"^(DKIM_\w+)=(.*)$", told, re.MULTILINE)))
    for name in ("DKIM_DOMAIN", "DKIM_SELECTOR", "DKIM_KEY_FILE"):
        setattr(settings, name, variables[name])
    value = re.findall(r"Value: (.*)", told)[0]
    zone = re.findall(r"^(\S+) 3600 IN TXT \((.*)\)$", told, re.MULTILINE)[0]
    assert zone[0] == f"{selector}._domainkey.example.com."
    assert "".join(re.findall(r'"([^"]{1,255})"', zone[1])) == value
    signer = signer_from_settings()
    assert signer
    assert dkim.verify(signer.sign(MAIL) + MAIL, dnsfunc=lambda name, timeout: {zone[0].encode(): value.encode()}[name])


def test_the_key_is_for_its_owner_alone_and_is_not_printed(capsys: Any, data_dir: Path) -> None:
    told = make(capsys, "example.com", "--selector", "may-2026")
    file = data_dir / "dkim" / "example.com.may-2026.pem"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert file.read_text().splitlines()[1] not in told


def test_a_key_that_is_there_is_never_touched(capsys: Any, data_dir: Path) -> None:
    make(capsys, "example.com")
    file = data_dir / "dkim" / "example.com.mailing.pem"
    before = file.read_bytes()
    with pytest.raises(CommandError, match="is there already"):
        make(capsys, "example.com")
    assert file.read_bytes() == before


def test_it_makes_a_key_for_a_domain_in_other_letters(capsys: Any, data_dir: Path) -> None:
    make(capsys, "пример.рф")
    assert [file.name for file in (data_dir / "dkim").iterdir()] == ["xn--e1afmkfd.xn--p1ai.mailing.pem"]


@pytest.mark.parametrize(
    "domain", ["localhost", "127.0.0.1", "[::1]", "a/../b.com", "example", "", "a-.com", "a b.com"]
)
def test_it_refuses_what_is_no_domain(capsys: Any, data_dir: Path, domain: str) -> None:
    with pytest.raises(CommandError, match="no domain"):
        make(capsys, domain)
    assert not (data_dir / "dkim").exists()


@pytest.mark.parametrize("selector", ["../x", "a b", "ä", "-a", "x" * 64])
def test_it_refuses_what_is_no_selector(capsys: Any, selector: str) -> None:
    with pytest.raises(CommandError, match="selector"):
        make(capsys, "example.com", "--selector", selector)


def test_it_says_when_it_cannot_write(capsys: Any, data_dir: Path) -> None:
    (data_dir / "dkim").touch()
    with pytest.raises(CommandError, match="can't be written"):
        make(capsys, "example.com")
