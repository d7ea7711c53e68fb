"""The link by which a person unsubscribes: the delivery's number, signed. No personal data, no expiry."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode
from binascii import b2a_base64
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

from django.conf import settings

MAC_BYTES = 16
URL_SAFE = bytes.maketrans(b"+/", b"-_")
LONGEST_TOKEN = 32  # characters: base64url of the MAC and 8 bytes


@dataclass(frozen=True, slots=True)
class Links:
    """Makes the links of this site, with this key: for many mails, as Django's settings are slow to ask."""

    site_url: str
    mac: blake2b  # keyed, and fed with nothing: to copy one costs less than to begin anew

    def url(self, delivery_id: int) -> str:
        """The absolute address of the page, for one delivery's mail; 0: the page of a sample."""
        return f"{self.site_url}/u/{self.token(delivery_id)}/"

    def token(self, delivery_id: int) -> str:
        number = delivery_id.to_bytes((delivery_id.bit_length() + 7) // 8, "big")
        mac = self.mac.copy()
        mac.update(number)
        return b2a_base64(mac.digest() + number, newline=False).translate(URL_SAFE, b"=").decode()


def links_from_settings() -> Links:
    return Links(settings.SITE_URL, _mac(settings.UNSUBSCRIBE_KEY or settings.SECRET_KEY))


def unsubscribe_url(delivery_id: int) -> str:
    return links_from_settings().url(delivery_id)


def unsubscribe_token(delivery_id: int) -> str:
    return links_from_settings().token(delivery_id)


def delivery_of(token: str) -> int | None:
    """The delivery that the token is of (0: a sample), or None where we have not signed it. Asks no database."""
    if not token.isascii() or len(token) > LONGEST_TOKEN:
        return None
    try:
        number = urlsafe_b64decode(token + "=" * (-len(token) % 4))[MAC_BYTES:]
    except ValueError:
        return None
    delivery_id = int.from_bytes(number, "big")
    # The whole token is compared: there is one way only to write it.
    return delivery_id if hmac.compare_digest(unsubscribe_token(delivery_id), token) else None


@lru_cache(maxsize=4)
def _mac(secret: str) -> blake2b:
    """With a key for this alone, made of a secret that signs other things too.

    Keyed BLAKE2b (RFC 7693) takes 0.4 µs a link where an HMAC with SHA-256 takes 1.9.
    """
    key = hmac.digest(secret.encode(), b"mailer.signing.unsubscribe", "sha256")
    return blake2b(key=key, digest_size=MAC_BYTES)
