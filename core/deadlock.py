"""Transactions that are done again where they and others have waited for one another."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection

P = ParamSpec("P")
R = TypeVar("R")

DEADLOCK = "40P01"  # PostgreSQL's word for it
MOST_TRIES = 5


def again_after_deadlock(function: Callable[P, R]) -> Callable[P, R]:
    """The function, done again where the database has broken it off; not within a transaction, which is lost too."""

    @wraps(function)
    def trying(*args: P.args, **kwargs: P.kwargs) -> R:
        for _try in range(MOST_TRIES - 1):
            try:
                return function(*args, **kwargs)
            except OperationalError as error:
                if connection.in_atomic_block or getattr(error.__cause__, "sqlstate", "") != DEADLOCK:
                    raise
        return function(*args, **kwargs)

    return trying
