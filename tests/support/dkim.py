"""A verifier that is not ours, and keys to sign with."""

from __future__ import annotations

import dkim

from mailer.delivery.dkim import Signer, SigningKey
from mailer.delivery.dkim_keys import dns_value, made_key

DOMAIN = "example.com"
RSA, ED25519 = SigningKey("rsa", made_key("rsa")), SigningKey("ed", made_key("ed25519"))
BOTH = Signer(DOMAIN, [RSA, ED25519])


def published(name: bytes, timeout: int = 5) -> bytes | None:
    """What the DNS would say of the keys above."""
    values = {f"{key.selector}._domainkey.{DOMAIN}.".encode(): dns_value(key.key).encode() for key in (RSA, ED25519)}
    return values.get(name)


def verdicts(mail: bytes) -> list[bool]:
    """dkimpy's of each signature of the mail, in their order."""
    count = mail.partition(b"\r\n\r\n")[0].count(b"DKIM-Signature:")
    verifier = dkim.DKIM(mail)
    return [_verdict(verifier, number) for number in range(count)]


def _verdict(verifier: dkim.DKIM, number: int) -> bool:
    try:
        return bool(verifier.verify(number, dnsfunc=published))
    except dkim.ValidationError:
        return False
