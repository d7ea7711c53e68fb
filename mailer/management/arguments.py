"""Numbers as our commands take them, with words of their own where they don't."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable

MOST_CONNECTIONS = 1_000  # at once, each with a task and a socket of its own; also SEND_CONCURRENCY's


def number_up_to(most: int, complaint: str) -> Callable[[str], int]:
    """Reads a whole number from 1."""

    def read(value: str) -> int:
        try:
            number = int(value)
        except ValueError:
            number = 0
        if not 1 <= number <= most:
            raise ArgumentTypeError(complaint)
        return number

    return read


connections = number_up_to(MOST_CONNECTIONS, f"takes a whole number from 1 to {MOST_CONNECTIONS}")
key = number_up_to(2**63 - 1, "takes a number, as the mailing's page has it in its address")
port = number_up_to(65535, "takes a port number, 1 to 65535")
