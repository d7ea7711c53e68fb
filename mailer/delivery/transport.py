"""How this site's mail leaves: connections, and the breaker that tells when none can be had."""

from __future__ import annotations

from dataclasses import dataclass

from mailer.delivery.breaker import Breaker
from mailer.delivery.connection import ConnectFailed, Connection, OpenConnection

__all__ = ["Breaker", "ConnectFailed", "Connection", "OpenConnection", "Transport"]


@dataclass(frozen=True)
class Transport:
    """`await transport.open()` gives a Connection or raises ConnectFailed; `breaker` says whether to try at all."""

    open: OpenConnection
    breaker: Breaker
