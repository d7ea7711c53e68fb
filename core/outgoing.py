"""The site's own mails, sent on threads of their own: no page waits for the mail server, or tells by waiting."""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor, wait

from django.core.mail import EmailMessage

logger = logging.getLogger(__name__)

LONGEST_QUEUE = 1000  # a mail server that hangs must not fill the memory
_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="outgoing")
_waiting: set[Future[None]] = set()


def post(message: EmailMessage) -> None:
    """Send the mail soon, through Django's EMAIL_BACKEND. It never raises: a failure is logged."""
    if len(_waiting) >= LONGEST_QUEUE:
        logger.error("A mail of the site was dropped: %d others wait for the mail server.", len(_waiting))
        return
    sending = _threads.submit(_send, message)
    _waiting.add(sending)
    sending.add_done_callback(_waiting.discard)


def flush(seconds: float = 30) -> bool:
    """Wait until all that was posted is sent or has failed; False when that takes longer."""
    return not wait(tuple(_waiting), timeout=seconds).not_done


def drain(seconds: float) -> None:
    """Flush before the process ends, and give up what takes longer: its recipients can ask for it again."""
    if not flush(seconds):
        given_up = sum(sending.cancel() for sending in tuple(_waiting))
        logger.error("%d mails of the site were not sent before the end.", given_up)


def _send(message: EmailMessage) -> None:
    try:
        message.send()
    except Exception as error:
        # Neither the mail, which holds a link that signs in, nor the error's own words, which may hold an address.
        logger.error("A mail of the site could not be sent: %s", _kind(error))


def _kind(error: Exception) -> str:
    code = getattr(error, "smtp_code", None)
    return type(error).__name__ if code is None else f"{type(error).__name__}, reply code {code}"
