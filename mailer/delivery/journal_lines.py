"""A line of a journal: a CRC-32 and a JSON array."""

from __future__ import annotations

import json
import zlib
from typing import Any

from mailer.delivery.outcome import Kind, Outcome, Phase, Scope

LONGEST_LINE = 16 * 1024  # bytes; a server's words are a kilobyte at most, and each may take six bytes

_quoted = json.encoder.encode_basestring_ascii


def line_of(entry: bytes) -> bytes:
    """The line that holds this JSON, without its end."""
    return b"%08x %b" % (zlib.crc32(entry), entry)


def parsed(line: bytes) -> Any:
    """What the line holds, or None where it was damaged. Raises ValueError for what is no JSON."""
    checksum, _space, payload = line.partition(b" ")
    return json.loads(payload) if checksum == b"%08x" % zlib.crc32(payload) else None


def outcome_fields(outcome: Outcome) -> bytes:
    """The last fields of a reply's array.

    By hand, as it is written for every mail: `json.dumps` takes three times as long.
    """
    kind, scope, phase, reply_code, enhanced_code, server_response = outcome
    words = '","'.join((kind, scope, phase))  # to format each would take four times as long
    code = "null" if reply_code is None else reply_code
    return f'"{words}",{code},{_quoted(enhanced_code)},{_quoted(server_response)}'.encode()


def outcome_of(fields: list[Any]) -> Outcome:
    """The outcome that these fields tell. Raises ValueError for words that this version does not know."""
    kind, scope, phase, reply_code, enhanced_code, server_response = fields
    return Outcome(Kind(kind), Scope(scope), Phase(phase), reply_code, enhanced_code, server_response)
