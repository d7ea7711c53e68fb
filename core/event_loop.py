"""The event loop of the site's own processes: uvloop's where it is installed, as Uvicorn does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` on the fastest loop there is."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(main)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """None where uvloop is not there: asyncio's own then."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
