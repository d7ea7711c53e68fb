"""Records that are lists of tags, as of DKIM and DMARC (RFC 6376 §3.2)."""

from __future__ import annotations

import re

TAG = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*=\s*(.*?)\s*", re.DOTALL)


class MalformedRecord(ValueError):
    """A record that is no list of tags; its text quotes the part that is wrong."""


def read_tags(record: str) -> dict[str, str]:
    """The tags by name, in their order. Raises MalformedRecord for a part that is no tag, and for one given twice."""
    tags: dict[str, str] = {}
    for part in record.split(";"):
        if not part.strip():
            continue
        match = TAG.fullmatch(part)
        if match is None or match[1] in tags:
            raise MalformedRecord(part.strip())
        tags[match[1]] = match[2]
    return tags
