"""The link by which a person unsubscribes: the delivery's number, signed. No personal data, no expiry."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import lru_cache

from django.conf import settings

MAC_BYTES = 16
LONGEST_TOKEN = 32  # characters: base64url of the MAC and 8 bytes


def unsubscribe_url(delivery_id: int) -> str:
    """The absolute address of the page, for one delivery's mail; 0: the page of a sample. Called once per mail."""
    return f"{settings.SITE_URL}/u/{unsubscribe_token(delivery_id)}/"


def unsubscribe_token(delivery_id: int) -> str:
    number = delivery_id.to_bytes((delivery_id.bit_length() + 7) // 8, "big")
    mac = hmac.digest(_key(settings.UNSUBSCRIBE_KEY or settings.SECRET_KEY), number, "sha256")[:MAC_BYTES]
    return urlsafe_b64encode(mac + number).rstrip(b"=").decode()


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
def _key(secret: str) -> bytes:
    """A key for this alone, made of a secret that signs other things too."""
    return hmac.digest(secret.encode(), b"mailer.signing.unsubscribe", "sha256")
