"""Keys that sign mail: read from PEM files, made, and told to the world in a DNS record."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

PrivateKey = RSAPrivateKey | Ed25519PrivateKey

SHORTEST_RSA = 1024  # bits: verifiers take nothing below (RFC 8301 §3.2)
ADVISED_RSA = 2048
STRING_LIMIT = 255  # octets in one string of a TXT record (RFC 1035 §3.3)


class KeyProblem(ValueError):
    """A file that holds no key to sign with; its text never holds what is in the file."""


def read_key(file: Path) -> PrivateKey:
    """The private key in a PEM file. Raises KeyProblem."""
    try:
        pem = file.read_bytes()
    except OSError as error:
        raise KeyProblem(f"{file} can't be read: {error.strerror}") from error
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError:
        raise KeyProblem(f"{file} is locked with a password; a key without one is needed") from None
    except (ValueError, UnsupportedAlgorithm):
        raise KeyProblem(f"{file} is no private key in PEM form") from None
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise KeyProblem(f"{file} holds neither an RSA nor an Ed25519 key")
    if isinstance(key, RSAPrivateKey) and key.key_size < SHORTEST_RSA:
        raise KeyProblem(f"{file} has {key.key_size} bits; at least {SHORTEST_RSA} are needed, {ADVISED_RSA} advised")
    return key


def is_short(key: PrivateKey) -> bool:
    """Whether the key is one that receivers take, but advise against."""
    return isinstance(key, RSAPrivateKey) and key.key_size < ADVISED_RSA


def made_key(kind: str) -> PrivateKey:
    """A new key, of the kind "rsa" or "ed25519"."""
    return Ed25519PrivateKey.generate() if kind == "ed25519" else generate_private_key(65537, ADVISED_RSA)


def as_pem(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def kind_of(key: PrivateKey) -> str:
    """What the k= tag calls it (RFC 6376 §3.6.1, RFC 8463 §4)."""
    return "rsa" if isinstance(key, RSAPrivateKey) else "ed25519"


def public_value(key: PrivateKey) -> str:
    """The p= tag: an RSA key's SubjectPublicKeyInfo, an Ed25519 key's 32 octets (RFC 8463 §4.2), in base64."""
    public = key.public_key()
    if isinstance(key, RSAPrivateKey):
        octets = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    else:
        octets = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return b64encode(octets).decode()


def dns_value(key: PrivateKey) -> str:
    """The TXT record's value, as one line."""
    return f"v=DKIM1; k={kind_of(key)}; p={public_value(key)}"


def zone_strings(value: str) -> str:
    """A TXT record's value as a zone file has it: in quoted strings of at most 255 octets each."""
    pieces = [value[start : start + STRING_LIMIT] for start in range(0, len(value), STRING_LIMIT)]
    return " ".join(f'"{piece}"' for piece in pieces)
