"""The peers, each in a process of its own: `python -m benchmarks.peers NAME PORT MAILS CONNECTIONS`.

Prints the seconds from the first mail to the last reply.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator

import aiosmtplib
import uvloop
from django.conf import settings
from django.core.mail import EmailMessage

from benchmarks.mails import SENDER, SUBJECT, address, filled_in


async def bare_loop(port: int, mails: int, connections: int) -> float:
    """A loop over `aiosmtplib.sendmail` on each connection, and no database at all."""
    numbers = iter(range(mails))
    clients = [
        aiosmtplib.SMTP(hostname="127.0.0.1", port=port, use_tls=False, start_tls=False) for _ in range(connections)
    ]
    await asyncio.gather(*(client.connect() for client in clients))
    begun = time.perf_counter()
    await asyncio.gather(*(_send(client, numbers) for client in clients))
    taken = time.perf_counter() - begun
    await asyncio.gather(*(client.quit() for client in clients))
    return taken


async def _send(client: aiosmtplib.SMTP, numbers: Iterator[int]) -> None:
    for number in numbers:
        await client.sendmail("news@example.com", [address(number)], _mail(number))


def _mail(number: int) -> bytes:
    head = (
        f"From: {SENDER}\r\nTo: {address(number)}\r\nSubject: {SUBJECT}\r\n"
        f"Date: Thu, 26 Nov 2026 12:00:00 +0000\r\nMessage-ID: <{number}@example.com>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: text/plain; charset="utf-8"\r\n\r\n'
    )
    return head.encode() + filled_in(number).replace("\n", "\r\n").encode()


def django_backend(port: int, mails: int, _connections: int) -> float:
    """Django's SMTP backend as `EmailMessage.send` uses it: one mail after another, a connection for each."""
    settings.configure(EMAIL_HOST="127.0.0.1", EMAIL_PORT=port)
    begun = time.perf_counter()
    for number in range(mails):
        EmailMessage(SUBJECT, filled_in(number), SENDER, [address(number)]).send()
    return time.perf_counter() - begun


def main(name: str, port: int, mails: int, connections: int) -> None:
    if name == "bare":
        print(uvloop.run(bare_loop(port, mails, connections)))
    else:
        print(django_backend(port, mails, connections))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
