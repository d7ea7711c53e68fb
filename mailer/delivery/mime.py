"""How a mail is put together of its parts (RFC 2045, 2046, 2387): everything but the texts is made once per mailing."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from itertools import count

from mailer.delivery.bodies import Body, Text
from mailer.delivery.headers import FOLD, file_name, identifier, media_type


@dataclass(frozen=True, slots=True)
class Part:
    """A file that goes with the mail. `content_id`, without `<>`, is what `cid:` links in the HTML name it by."""

    name: str
    content_type: str
    data: bytes
    content_id: str = ""


Piece = bytes | Body
Entity = list[Piece]  # from its first Content- header to its last line end


class Boundaries:
    """The boundaries of one mailing's mails: the same in every mail, and not to be guessed by who writes one.

    None begins with another, and no encoding but 7bit has `=_` in it.
    """

    def __init__(self, secret: str) -> None:
        self.stem = f"=_{sha256(secret.encode(errors='replace')).hexdigest()[:24]}"
        self._numbers = count(1)

    def __next__(self) -> str:
        return f"{self.stem}_{next(self._numbers)}"


def laid_out(headers: str, text: Text, html: Text | None, parts: Iterable[Part], secret: str) -> Entity:
    """Text, or text and HTML as alternatives; what the HTML shows goes with it, other parts are attached.

    `headers`, each line ended, stand before it.
    """
    shown: list[Part] = []
    attached: list[Part] = []
    for part in parts:
        (shown if html is not None and _is_shown(part, html.source) else attached).append(part)
    boundaries = Boundaries(secret)
    stem = boundaries.stem if html or attached else ""
    entity = _text("plain", Body(text, stem))
    if html is not None:
        rich = _text("html", Body(html, stem))
        if shown:
            rich = _multipart('related; type="text/html"', [rich, *map(_inline, shown)], next(boundaries))
        entity = _multipart("alternative", [entity, rich], next(boundaries))
    if attached:
        entity = _multipart("mixed", [entity, *map(_attachment, attached)], next(boundaries))
    return _joined([headers.encode(), *entity])


def _is_shown(part: Part, html: str) -> bool:
    link = rf"\bcid:{re.escape(identifier(part.content_id))}(?![\w.@+-])"
    return bool(part.content_id) and re.search(link, html, re.IGNORECASE) is not None


def _text(subtype: str, body: Body) -> Entity:
    return [f'Content-Type: text/{subtype}; charset="utf-8"\r\n'.encode(), body]


def _inline(part: Part) -> Entity:
    return _file(part, "inline", f"Content-ID: <{identifier(part.content_id)}>\r\n")


def _attachment(part: Part) -> Entity:
    return _file(part, "attachment", "")


def _file(part: Part, disposition: str, more: str) -> Entity:
    head = (
        f"Content-Type: {media_type(part.content_type)}\r\n"
        f"Content-Disposition: {disposition}{file_name(part.name)}\r\n"
        f"{more}Content-Transfer-Encoding: base64\r\n\r\n"
    )
    return [head.encode() + base64.encodebytes(part.data).replace(b"\n", b"\r\n")]


def _multipart(subtype: str, entities: list[Entity], boundary: str) -> Entity:
    # The line end before a boundary is the boundary's, so that a text keeps its own.
    line = f"--{boundary}\r\n".encode()
    pieces: Entity = [f'Content-Type: multipart/{subtype};{FOLD}boundary="{boundary}"\r\n\r\n'.encode()]
    for number, entity in enumerate(entities):
        pieces += [b"\r\n" + line if number else line, *entity]
    return [*pieces, f"\r\n--{boundary}--\r\n".encode()]


def _joined(entity: Entity) -> Entity:
    """The same with all bytes that follow one another in one piece."""
    pieces: Entity = [b""]
    for piece in entity:
        if isinstance(piece, bytes) and isinstance(pieces[-1], bytes):
            pieces[-1] += piece
        else:
            pieces.append(piece)
    return pieces
