"""A file that holds no key to sign with is refused, with the reason and without what is in it."""

from __future__ import annotations

import os
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from asgi_project.env import Settings
from mailer.delivery.dkim_keys import as_pem, dns_value, is_short, read_key, zone_strings
from tests.support.dkim import ED25519, RSA
from tests.support.processes import manage

PEM = as_pem(RSA.key)
LOCKED = RSA.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hunter2"))
PUBLIC = RSA.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
CURVE = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
# For this test alone: `cryptography` reads what it would not make.
OF_512_BITS = b"""\
-----BEGIN PRIVATE KEY-----
MIIBVAIBADANBgkqhkiG9w0BAQEFAASCAT4wggE6AgEAAkEA+W1NQ0SiUxjiG8Y8
dTXl5Q0r6xWWJ1mhnuMA9jRPWSgCMAn9qMRL/TrrOD8bCj8rIIHAEPedUOICT3eI
783l0wIDAQABAkEAm0TkbPSjy/DYiIuuBRUJSL4bUdt9Pn+4ca1EYv+LSaa4oDyo
HuDdV72ATvqfepjbBBeLP4uRQjRmrdEtvgSQUQIhAP55FWpyvk0wkc1xADYYVWfZ
AbH+Shfs931RotgUybJpAiEA+ux3b/RzN1B3pOaIemAxk3VELu82fG/1u81R5epb
VtsCIATEqA4SkFZJ7rF2yJY65n7Hpix7o0/HdOu4N+DsosrhAiAE+y6/zTWAUpud
bWomK8SwLbLFz7/gJoTVTpUioE1h4wIgVcWYuSfYfDnfidPfJf/6nQx1BUxgdGpo
xs+chBJ5Lmo=
-----END PRIVATE KEY-----
"""

REFUSED = [
    (b"", "no private key in PEM form"),
    (b"hunter2", "no private key in PEM form"),
    (PEM.replace(b"A", b"!"), "no private key in PEM form"),
    (PUBLIC, "no private key in PEM form"),
    (LOCKED, "locked with a password"),
    (CURVE, "neither an RSA nor an Ed25519 key"),
    (OF_512_BITS, "512 bits; at least 1024"),
]


@pytest.mark.parametrize(("content", "reason"), REFUSED)
def test_it_refuses_what_is_no_key_to_sign_with(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(content)
    with pytest.raises(ImproperlyConfigured, match=f"DKIM_KEY_FILE takes private keys: .*{reason}") as caught:
        Settings({"DKIM_KEY_FILE": str(file)})["DKIM_KEY_FILE"]
    shown = str(caught.value).encode()
    assert not any(line in shown for line in content.splitlines() if line)


def test_it_refuses_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"key\.pem can't be read: No such file"):
        Settings({"DKIM_KEY_FILE": str(tmp_path / "key.pem")})["DKIM_KEY_FILE"]


@pytest.mark.parametrize("key", [RSA.key, ED25519.key])
def test_it_reads_what_it_has_written(tmp_path: Path, key: object) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(as_pem(key))  # type: ignore[arg-type]
    assert dns_value(read_key(file)) == dns_value(key)  # type: ignore[arg-type]
    assert Settings({"DKIM_KEY_FILE": f"{file}, {file}"})["DKIM_KEY_FILE"] == [file, file]


def test_a_key_of_1024_bits_is_taken_but_called_short(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(as_pem(rsa.generate_private_key(65537, 1024)))  # noqa: S505
    assert is_short(read_key(file))
    assert not is_short(RSA.key)
    assert not is_short(ED25519.key)
    done = check(tmp_path, DKIM_SELECTOR="s", DKIM_KEY_FILE=str(file), DEFAULT_FROM_EMAIL="a@example.com")
    assert done.returncode == 0
    assert "mailer.W002" in done.stderr
    assert "mailer.W001" not in done.stderr


def test_a_key_of_another_domain_than_the_senders_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(PEM)
    key = {"DKIM_SELECTOR": "s", "DKIM_KEY_FILE": str(tmp_path / "key.pem"), "DKIM_DOMAIN": "example.com"}
    for sender, is_warned in (("a@example.net", True), ("a@news.example.com", False), ("A <a@EXAMPLE.com>", False)):
        done = check(tmp_path, **key, DEFAULT_FROM_EMAIL=sender)
        assert ("mailer.W001" in done.stderr) == is_warned, sender
        assert PEM.splitlines()[1].decode() not in done.stderr


def test_each_key_needs_its_selector(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(PEM)
    done = check(tmp_path, DKIM_KEY_FILE=str(tmp_path / "key.pem"))
    assert done.returncode == 1
    assert "DKIM_SELECTOR and DKIM_KEY_FILE belong together" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_long_record_is_split_into_strings_that_the_dns_takes() -> None:
    value = dns_value(RSA.key)
    strings = zone_strings(value).strip('"').split('" "')
    assert "".join(strings) == value
    assert [len(string) <= 255 for string in strings] == [True, True]


def check(folder: Path, **variables: str) -> CompletedProcess[str]:
    return manage(
        settings.BASE_DIR,
        "check",
        ENV_FILE=os.devnull,
        SECRET_KEY=settings.SECRET_KEY,
        DATA_DIR=str(folder),
        **variables,
    )
