"""A batch that the database refuses for its data: the bad result is found, and recorded in a form that it takes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from django.db import DataError, IntegrityError, connection, transaction

from mailer.delivery.ledger import Recorded, record
from mailer.delivery.verdict import Result

logger = logging.getLogger(__name__)

REFUSED = (DataError, IntegrityError, ValueError, OverflowError)  # the last two by the driver, before it asks
NOT_STORED = "The server's words could not be stored."  # told in the reader's language by mailer/own_words.py


def record_all(worker_id: int, results: Sequence[Result], counted_by: int | None = None) -> Recorded:
    """Record the results; where they are refused as a whole, in halves until the bad one stands alone.

    That one loses its words and keeps its outcome. Raises what the database refuses even so.
    """
    try:
        with _savepoint():
            return record(worker_id, results, counted_by)
    except REFUSED as error:
        if len(results) == 1:
            return _record_without_words(worker_id, results[0], counted_by, error)
    middle = len(results) // 2
    recorded = record_all(worker_id, results[:middle], counted_by)
    recorded.add(record_all(worker_id, results[middle:], counted_by))
    return recorded


def _savepoint() -> AbstractContextManager[object]:
    """Within a transaction, such as a sweep's, which a refused statement would end."""
    return transaction.atomic() if connection.in_atomic_block else nullcontext()


def _record_without_words(worker_id: int, result: Result, counted_by: int | None, error: Exception) -> Recorded:
    logger.error("Delivery %d: its result is recorded without words: %s", result.claim.delivery_id, error)
    outcome = replace(result.outcome, reply_code=_plausible(result.outcome.reply_code), enhanced_code="")
    return record(worker_id, [result._replace(outcome=replace(outcome, server_response=NOT_STORED))], counted_by)


def _plausible(reply_code: int | None) -> int | None:
    return reply_code if reply_code is not None and 200 <= reply_code <= 599 else None
