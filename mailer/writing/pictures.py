"""Pictures that the HTML names as `cid:…`."""

from __future__ import annotations

import re
from collections.abc import Mapping

NAMED = re.compile(r"\bcid:([\w.@+-]+)", re.IGNORECASE)


def named_pictures(html: str) -> list[str]:
    """The content ids that the HTML shows."""
    return sorted(set(NAMED.findall(html)))


def with_addresses(html: str, addresses: Mapping[str, str]) -> str:
    """The HTML with each picture's address in place of its `cid:`, and an empty one for what is not there."""
    return NAMED.sub(lambda found: addresses.get(found[1]) or "data:,", html)
