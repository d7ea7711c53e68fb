"""The cache of the statistics, in each condition in which it may be."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.cache import caches

from mailer.stats import caching

NOBODY_LISTENS = "redis://127.0.0.1:1"


@contextlib.contextmanager
def frozen_redis() -> Iterator[str]:
    """An address where connections are taken and no word is answered, as by a Redis whose process is stopped."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}"


def statistics_at(url: str, patience: float = 0.5) -> dict[str, Any]:
    """CACHES with the statistics on that Redis, as CACHE_ENABLED has it; `patience` in seconds for each answer."""
    options = {"SOCKET_CONNECT_TIMEOUT": patience, "SOCKET_TIMEOUT": patience}
    redis = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": url, "OPTIONS": options}
    return settings.CACHES | {"statistics": redis}


def start_over() -> None:
    """Nothing is kept, and no Redis has failed yet."""
    caching._resting_until = 0.0
    with contextlib.suppress(Exception):
        caches["statistics"].clear()
