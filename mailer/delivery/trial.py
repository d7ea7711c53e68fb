"""Test mails: at once, the way that all mail goes, on a connection of their own, while somebody waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from mailer.delivery.compose import Envelope
from mailer.delivery.connection import ConnectFailed, Connection
from mailer.delivery.outcome import Outcome, Phase, classify_break
from mailer.delivery.transport import Transport

PATIENCE = 45.0  # seconds for all of them together


async def deliver_each(
    envelopes: Sequence[Envelope], transport: Transport, patience: float = PATIENCE
) -> list[Outcome]:
    """What became of each, one after another. None is tried twice."""
    deadline = asyncio.get_running_loop().time() + patience
    connection: Connection | None = None
    outcomes = []
    try:
        for envelope in envelopes:
            phase = Phase.CONNECT
            try:
                async with asyncio.timeout_at(deadline):
                    if connection is None or not connection.is_usable:
                        connection = await transport.open()
                    phase = Phase.BODY  # nobody can know any better where it is broken off from here on
                    outcomes.append(await _deliver(connection, envelope))
            except ConnectFailed as failed:
                outcomes.append(failed.outcome)
            except TimeoutError:
                outcomes.append(classify_break(phase, f"No reply within {patience:g} seconds"))
                if connection is not None:  # in the middle of a mail
                    await connection.quit()
                    connection = None
    finally:
        if connection is not None:
            await connection.quit()
    return outcomes


async def _deliver(connection: Connection, envelope: Envelope) -> Outcome:
    mail = connection.begin(envelope)
    if await mail.is_awaited():
        mail.hand_over()
    return await mail.outcome()
