"""The pool of this process's connections to PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection


@contextmanager
def patient_pool() -> Iterator[None]:
    """Within the block more threads than there are connections may wait for one: what is tried is that all get on."""
    pool: Any = getattr(connection, "pool", None)  # SQLite has none
    with pytest.MonkeyPatch.context() as patch:
        if pool is not None:
            patch.setattr(pool, "timeout", 120.0)
        yield
