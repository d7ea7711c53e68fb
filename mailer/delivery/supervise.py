"""A sender for as long as a process lives: run after run, whatever ends one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from django.conf import settings

from mailer.delivery.engine import Engine, Options, Summary, Until
from mailer.delivery.ledger import Recorded
from mailer.delivery.transport import transport_from_settings
from mailer.delivery.worker import registered_worker

logger = logging.getLogger(__name__)

RESTART_PAUSE = 5.0  # seconds between a failed run and the next


async def send_once(
    options: Options, stop: asyncio.Event, on_recorded: Callable[[Recorded], None] = lambda recorded: None
) -> Summary:
    """Register a worker, run the engine until done or stopped, and take leave. Raises what a bug raised."""
    async with registered_worker(settings.DATA_DIR, sync=settings.JOURNAL_SYNC == "group") as worker:
        return await Engine(worker, transport_from_settings(), options, stop, on_recorded).run()


async def send_forever(concurrency: int, stop: asyncio.Event) -> None:
    """Send until stopped. A run that fails, whether the database is not there yet or a bug, is followed by another."""
    while not stop.is_set():
        try:
            await send_once(Options(concurrency, Until.STOPPED), stop)
        except Exception:
            logger.exception("The sender failed and starts again in %g s.", RESTART_PAUSE)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RESTART_PAUSE):
                    await stop.wait()
