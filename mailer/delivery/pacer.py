"""Keeps claims back until the moment of their tokens, so that senders find in their queue only what may go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mailer.delivery.claim import Claim


class Pacer:
    """Between a claim and the senders' queue. `clock` counts the seconds by which tokens are dated."""

    def __init__(self, ready: asyncio.Queue[Claim | None], clock: Callable[[], float]) -> None:
        self._ready = ready
        self._clock = clock
        self._waiting: dict[int, tuple[Claim, asyncio.TimerHandle]] = {}  # by delivery

    @property
    def waiting(self) -> int:
        """How many claims are kept back."""
        return len(self._waiting)

    def put(self, claim: Claim) -> None:
        """Let the senders have it, now or when its time has come."""
        delay = claim.token.not_before - self._clock() if claim.token else 0.0
        if delay <= 0:
            self._ready.put_nowait(claim)
        else:
            timer = asyncio.get_running_loop().call_later(delay, self._let_go, claim)
            self._waiting[claim.delivery_id] = claim, timer

    def stop(self) -> None:
        """Let all go at once, to senders that are stopping and give them back."""
        for claim, timer in list(self._waiting.values()):
            timer.cancel()
            self._let_go(claim)

    def _let_go(self, claim: Claim) -> None:
        del self._waiting[claim.delivery_id]
        self._ready.put_nowait(claim)
