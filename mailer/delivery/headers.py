"""Header values from people's text: one line each, ASCII, folded where they are long (RFC 5322, 2047, 2231)."""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Iterator
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from urllib.parse import quote

LONGEST_PLAIN = 300  # characters of text that stay on one line; escaped and with an address they fit into 998 octets
LONGEST_URL = 900
LONGEST_ID = 200
FOLD = "\r\n "
FOLD_AT = 76  # octets (RFC 2047 §2)

# Line ends of every kind, C0 and C1 controls, the two Unicode separators that some readers break lines at, and halves
# of surrogate pairs, which no encoding takes.
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
SPECIALS = re.compile(r'[()<>\[\]:;@\\,."]')  # RFC 5322 §3.2.3: a name with one of these is quoted
UNFIT_FOR_URL = re.compile(r"[^!#-;=?-\[\]_a-z~]")  # what is not visible ASCII, and <>"\^`{|}
MEDIA_TYPE = re.compile(r"(application|audio|font|image|model|text|video)/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
PLAIN_NAME = re.compile(r"[A-Za-z0-9_.()+-][A-Za-z0-9_.()+ -]{0,58}(?<! )")
UNFIT_FOR_ID = re.compile(r"[^A-Za-z0-9_.@+-]+")

WORD_OCTETS = 36  # of text in one encoded-word
Q_LETTERS = {  # RFC 2047 §5 (3): what may stand for itself in a name too
    octet: chr(octet) if chr(octet).isalnum() or chr(octet) in "!*+-/" else f"={octet:02X}" for octet in range(128)
} | {octet: f"={octet:02X}" for octet in range(128, 256)}
Q_LETTERS[ord(" ")] = "_"


def one_line(text: str) -> str:
    """The text without anything that could end a header's line."""
    return text.strip() if text.isprintable() else CONTROLS.sub(" ", text).strip()


def mailbox(name: str, address: str) -> str:
    """A header's `Name <address>` (RFC 5322 §3.4); the name is data, whatever is in it, and so is the address."""
    name, address = one_line(name), one_line(address)
    if not name:
        return address
    if _needs_encoding(name):
        name = encoded_words(name)
    elif SPECIALS.search(name):
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        name = f'"{escaped}"'
    between = FOLD if len(name) + len(address) > FOLD_AT else " "
    return f"{name}{between}<{address}>"


def unstructured(text: str) -> str:
    """One line of text as a header's value: as it is where ASCII says it, else in encoded-words (RFC 2047).

    What looks like an encoded-word is encoded too: readers decode it, and so smuggle in what it hides (CVE-2024-6923).
    """
    return encoded_words(text) if _needs_encoding(text) else text


def _needs_encoding(text: str) -> bool:
    return not text.isascii() or "=?" in text or len(text) > LONGEST_PLAIN


def encoded_words(text: str) -> str:
    """The text in encoded-words of UTF-8, one a line, none of which cuts a character in two (RFC 2047 §5)."""
    return FOLD.join(map(_encoded_word, _in_pieces(text)))


def _in_pieces(text: str) -> Iterator[bytes]:
    data = text.encode()
    while len(data) > WORD_OCTETS:
        end = WORD_OCTETS
        while data[end] & 0xC0 == 0x80:  # within a character
            end -= 1
        yield data[:end]
        data = data[end:]
    yield data


def _encoded_word(data: bytes) -> str:
    in_letters = "".join(map(Q_LETTERS.__getitem__, data))
    in_base64 = b2a_base64(data, newline=False).decode()
    if len(in_letters) <= len(in_base64):
        return f"=?utf-8?q?{in_letters}?="
    return f"=?utf-8?b?{in_base64}?="


@lru_cache(maxsize=256)
def date_value(date: datetime) -> str:
    """RFC 5322 §3.3. Deliveries claimed together have the same date."""
    return format_datetime(date)


def unsubscribe_headers(url: str, mailto: str) -> str:
    """The lines that offer to unsubscribe (RFC 2369), by one click where the link is https (RFC 8058).

    The mail to the address `mailto` has in its subject what the link ends in.
    """
    offers = _offer(url)
    one_click = "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" if offers.startswith("<https://") else ""
    if mailto:
        ending = url.rstrip("/").rpartition("/")[2]
        by_mail = _offer(f"mailto:{mailto}?subject=unsubscribe%20{ending}")
        offers = f"{offers},{FOLD}{by_mail}" if offers and by_mail else offers or by_mail
    return f"List-Unsubscribe: {offers}\r\n{one_click}" if offers else ""


def _offer(url: str) -> str:
    url = url_value(url)
    return f"<{url}>" if 0 < len(url) < LONGEST_URL else ""


def url_value(url: str) -> str:
    """The URL with all that could end it, or its line, percent-encoded."""
    return UNFIT_FOR_URL.sub(_percent_encoded, url)


def _percent_encoded(found: re.Match[str]) -> str:
    return quote(found[0].encode(errors="replace"), safe="")


def media_type(text: str) -> str:
    """The type that a file is said to have; `application/octet-stream` where that is none that a file may have.

    A file may not be a `multipart` or a `message`: those have parts and encodings of their own.
    """
    return text if MEDIA_TYPE.fullmatch(text := text.lower()) else "application/octet-stream"


def identifier(text: str) -> str:
    """What stands within `<>` in List-Id and Content-ID, without what could end it."""
    return UNFIT_FOR_ID.sub("", text)[:LONGEST_ID]


def file_name(name: str) -> str:
    """The `filename` parameter that says this name, with the `;` before it (RFC 2183, 2231)."""
    if PLAIN_NAME.fullmatch(name):
        return f';{FOLD}filename="{name}"'
    encoded = "utf-8''" + quote(one_line(name).encode(), safe="")
    pieces = re.findall(r"(?:%..|[^%]){1,20}", encoded)
    if len(pieces) <= 3:
        return f";{FOLD}filename*={encoded}"
    return "".join(f";{FOLD}filename*{number}*={piece}" for number, piece in enumerate(pieces))
