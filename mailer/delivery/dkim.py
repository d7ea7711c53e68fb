"""Signs mail (RFC 6376; Ed25519 by RFC 8463), relaxed/relaxed. Pure: bytes in, the header block to put before them out.

There is no t= and no x=, so that signing the same mail again gives the same bytes: a retry is the same mail.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from django.conf import settings

from mailer.delivery.dkim_keys import PrivateKey, read_key

SIGNED = (
    b"from",
    b"to",
    b"cc",
    b"subject",
    b"date",
    b"message-id",
    b"reply-to",
    b"mime-version",
    b"content-type",
    b"content-transfer-encoding",
    b"list-unsubscribe",  # RFC 8058 §4 asks for this one and the next
    b"list-unsubscribe-post",
    b"list-id",
    b"feedback-id",
    b"auto-submitted",
)
ADDED_BY_LISTS = {b"list-id", b"feedback-id", b"auto-submitted"}  # by what hands mails on, with good reason
OVERSIGNED = frozenset(SIGNED) - ADDED_BY_LISTS  # once more than there are: nobody can add another (RFC 6376 §8.15)
WSP_RUN = re.compile(rb"[ \t]+")
LINE_OF_SIGNATURE = 72  # octets
STRETCH = 4096  # octets of a body that are looked at in one go, from white space on


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and the selector under which the DNS has its public half."""

    selector: str
    key: PrivateKey

    @property
    def algorithm(self) -> bytes:
        return b"rsa-sha256" if isinstance(self.key, RSAPrivateKey) else b"ed25519-sha256"

    def signature(self, data: bytes) -> bytes:
        if isinstance(self.key, RSAPrivateKey):
            return self.key.sign(data, PKCS1v15(), SHA256())
        return self.key.sign(sha256(data).digest())  # RFC 8463 §3


class Signer:
    """Signs for a domain (an A-label), with each of the keys."""

    def __init__(self, domain: str, keys: Sequence[SigningKey]) -> None:
        self._openings = [(key, _opening(domain, key)) for key in keys]

    def sign(self, mail: bytes) -> bytes:
        """The DKIM-Signature header fields, each ending with CRLF, for a mail in CRLF lines, before dot-stuffing."""
        head, _blank, body = mail.partition(b"\r\n\r\n")
        fields = _signed_fields(head)
        names = [name for name, _value in fields]
        body_hash = b64encode(sha256(relaxed_body(body)).digest())
        data = b"".join(b"%s:%s\r\n" % field for field in fields if field[1] is not None)
        tags = _tags(names, body_hash)
        return b"".join(_signature_field([*opening, *tags], key, data) for key, opening in self._openings)


def signer_from_settings() -> Signer | None:
    """The signer that the settings name, or None where there is no key. Raises KeyProblem for a file that went bad."""
    pairs = zip(settings.DKIM_SELECTOR, settings.DKIM_KEY_FILE, strict=True)
    keys = [SigningKey(selector, read_key(file)) for selector, file in pairs]
    return Signer(settings.DKIM_DOMAIN, keys) if keys else None


def relaxed_body(body: bytes) -> bytes:
    """The body as RFC 6376 §3.4.4 has it hashed."""
    body = _reduced(body).removesuffix(b" ")
    end = len(body)
    while body.endswith(b"\r\n", 0, end):
        end -= 2
    if end and end + 2 == len(body):
        return body
    return body[:end] + b"\r\n" if end else b""


def _reduced(body: bytes) -> bytes:
    """Each run of white space as one space, and none at a line's end.

    Only lines around white space are looked at: files in base64 have none, and are passed over.
    """
    body = body.replace(b"\t", b" ")
    pieces: list[bytes] = []
    done = 0
    while (start := body.find(b" ", done)) >= 0:
        end = body.find(b"\n", start + STRETCH) + 1 or len(body)  # no run goes beyond the end of a line
        pieces += body[done:start], _reduced_stretch(body[start:end])
        done = end
    return b"".join([*pieces, body[done:]])


def _reduced_stretch(lines: bytes) -> bytes:
    while b"  " in lines:
        lines = lines.replace(b"  ", b" ")
    return lines.replace(b" \r\n", b"\r\n")


def _signed_fields(head: bytes) -> list[tuple[bytes, bytes | None]]:
    """Name and relaxed value (§3.4.2) of each field that is signed, in the order of h=; None for one that is not there.

    Of several with one name the last comes first (§5.4.2).
    """
    found: dict[bytes, list[bytes]] = {}
    unfolded = head.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")
    for line in unfolded.split(b"\r\n"):
        name, _colon, value = line.partition(b":")
        found.setdefault(name.rstrip(b" \t").lower(), []).append(WSP_RUN.sub(b" ", value).strip(b" "))
    fields: list[tuple[bytes, bytes | None]] = []
    for name in SIGNED:
        fields += [(name, value) for value in reversed(found.get(name, []))]
        if name in OVERSIGNED:
            fields.append((name, None))
    return fields


def _opening(domain: str, key: SigningKey) -> list[bytes]:
    """The lines of the header field that are the same for every mail."""
    names = b"d=%s; s=%s;" % (domain.encode("ascii"), key.selector.encode("ascii"))
    return [b"v=1; a=%s; c=relaxed/relaxed;" % key.algorithm, names]


def _signature_field(lines: list[bytes], key: SigningKey, data: bytes) -> bytes:
    """One header field, folded; the signature covers it too, with an empty b= (§3.7)."""
    value = b64encode(key.signature(data + b"dkim-signature:" + b" ".join(lines)))
    pieces = [value[start : start + LINE_OF_SIGNATURE] for start in range(0, len(value), LINE_OF_SIGNATURE)]
    folded = b"\r\n ".join([*lines[:-1], lines[-1] + pieces[0], *pieces[1:]])
    return b"DKIM-Signature: %s\r\n" % folded


def _tags(names: list[bytes], body_hash: bytes) -> list[bytes]:
    """The lines after the opening: h= in lines of four names, bh= and an empty b=."""
    groups = [b":".join(names[start : start + 4]) for start in range(0, len(names), 4)]
    first, *rest = [group + b":" for group in groups[:-1]] + [groups[-1] + b";"]
    return [b"h=" + first, *rest, b"bh=%s;" % body_hash, b"b="]
