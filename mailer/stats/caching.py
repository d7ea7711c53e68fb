"""Figures kept in Redis for a minute where CACHE_ENABLED. Whatever becomes of Redis, they come all the same."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from typing import TypeVar

from django.core.cache import BaseCache, caches
from django.db import transaction

from core.clock import seconds

logger = logging.getLogger(__name__)

T = TypeVar("T")

KEPT_FOR = 60  # seconds
REST = 10.0  # seconds for which a Redis that failed is not asked again

EVERYBODY, PUBLIC = "everybody", "public"

_resting_until = 0.0


def own(owner_id: int) -> str:
    """The name of an owner's figures."""
    return f"own-{owner_id}"


def remembered(name: str, count: Callable[[], T]) -> T:
    """What `count` gives, or what it gave within the last minute, unless that was to be forgotten since."""
    found = _ask(lambda cache: cache.get_many([_value(name), _age(name)]))
    if found is None:
        return count()
    age, kept = found.get(_age(name)), found.get(_value(name))
    if kept is not None and kept[0] == age:
        value: T = kept[1]
        return value
    value = count()
    # Labelled with the age from before it was counted: if it was to be forgotten meanwhile, nobody will take it.
    _ask(lambda cache: cache.set(_value(name), (age, value), KEPT_FOR))
    return value


def forget(owner_id: int) -> None:
    """Let the owner's, everybody's and the public figures be counted anew."""
    ages = {_age(name): secrets.token_hex(8) for name in (own(owner_id), EVERYBODY, PUBLIC)}
    _ask(lambda cache: cache.set_many(ages, 2 * KEPT_FOR))


def forget_on_commit(owner_id: int) -> None:
    """From inside a transaction: forget once it has been committed."""
    transaction.on_commit(lambda: forget(owner_id))


def _value(name: str) -> str:
    return f"home-1-{name}"  # another number when the shape of what is kept changes


def _age(name: str) -> str:
    return f"home-age-{name}"


def _ask(question: Callable[[BaseCache], T]) -> T | None:
    """The cache's answer. None while it is broken, at the cost of one time-out in a while."""
    global _resting_until
    if seconds() < _resting_until:
        return None
    try:
        return question(caches["statistics"])
    except Exception as error:  # whatever the cache's backend raises
        logger.warning("Redis does not answer, the figures come from the database: %r", error)
        _resting_until = seconds() + REST
        return None
