"""What the figures rest on: the sink takes all that it is given, and a far server is far but no bottleneck."""

from __future__ import annotations

import asyncio
import time

from benchmarks.servers import far_away, piped

MAIL = b"MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n"
BODY = b"Subject: Hello\r\n\r\n..dots\r\n.\r\n"


async def talk(port: int, pieces: list[bytes], until: bytes) -> bytes:
    """What the server answers to these pieces, up to the words that come last."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
    said = await asyncio.wait_for(reader.readuntil(until), 30)
    writer.close()
    await writer.wait_closed()
    return said


def codes(said: bytes) -> list[int]:
    return [int(line[:3]) for line in said.splitlines() if line[3:4] == b" "]


async def test_the_sink_takes_groups_and_what_rides_behind_a_body() -> None:
    whole = b"EHLO us\r\n" + MAIL + BODY + MAIL + BODY + b"QUIT\r\n"
    expected = [220, 250, *[250, 250, 354, 250] * 2, 221]
    with piped("benchmarks.sink") as port:
        assert codes(await talk(port, [whole], b"Bye\r\n")) == expected
        byte_by_byte = [whole[i : i + 1] for i in range(len(whole))]
        assert codes(await talk(port, byte_by_byte, b"Bye\r\n")) == expected


async def test_a_far_server_answers_in_order_after_the_round_trip() -> None:
    with piped("benchmarks.sink") as port, far_away(port) as far:
        begun = time.perf_counter()
        said = await talk(far, [b"EHLO us\r\n", MAIL, BODY, b"QUIT\r\n"], b"Bye\r\n")
        assert time.perf_counter() - begun >= 0.020
        assert codes(said) == [220, 250, 250, 250, 354, 250, 221]


async def test_a_far_server_takes_many_mails_within_one_round_trip() -> None:
    mails = 500
    with piped("benchmarks.sink") as port, far_away(port) as far:
        said = await talk(far, [(MAIL + BODY) * mails, b"QUIT\r\n"], b"Bye\r\n")
    assert codes(said).count(354) == mails
