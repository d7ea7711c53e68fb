"""What is in a mailing's way, and what may turn out badly."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """A sentence, and where something can be done about it: the address and what its link says."""

    text: str
    url: str = ""
    link: str = ""
