from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.outcome import Reply
from mailer.delivery.replies import BrokenStream, ReplyParser


def parsed(*pieces: bytes) -> tuple[list[Reply], str]:
    """The replies read from these pieces, and why it broke off, if it did."""
    parser = ReplyParser()
    replies: list[Reply] = []
    try:
        for piece in pieces:
            for reply in parser.feed(piece):
                replies.append(reply)
    except BrokenStream as error:
        return replies, str(error)
    return replies, ""


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@pytest.mark.parametrize(
    ("data", "replies"),
    [
        (b"250 Ok\r\n", [Reply(250, "Ok")]),
        (b"250 Ok\n", [Reply(250, "Ok")]),
        (b"250\r\n", [Reply(250, "")]),
        (b"250 \r\n", [Reply(250, "")]),
        (b"250-one\r\n250-two\n250 three\r\n", [Reply(250, "one\ntwo\nthree")]),
        (b"250-\r\n250\r\n", [Reply(250, "\n")]),
        (b"354 Go\r\n599 No\r\n", [Reply(354, "Go"), Reply(599, "No")]),
        (b"550 5.1.1 Gr\xc3\xbc\xc3\x9fe\r\n", [Reply(550, "5.1.1 Grüße")]),
        (b"550 Gr\xfc\xdfe\x00\r\n", [Reply(550, "Gr\ufffd\ufffde\x00")]),
        (b"250 o", []),
        (b"", []),
    ],
)
def test_it_reads_replies(data: bytes, replies: list[Reply]) -> None:
    assert parsed(data) == (replies, "")


@pytest.mark.parametrize(
    "data",
    [b"2_5 ok\r\n", b"+25 ok\r\n", b"999 ok\r\n", b"199 ok\r\n", b"250_ok\r\n", b"25\r\n", b"\r\n", b"\x00\xff\r\n",
     b"2500\r\n", b"HTTP/1.1 400 Bad Request\r\n", b"250-one\r\n251 two\r\n", "٢٥٠ ok\r\n".encode()],
)  # fmt: skip
def test_it_breaks_off_at_what_is_not_smtp(data: bytes) -> None:
    replies, why = parsed(b"250 Ok\r\n" + data + b"250 Not to be trusted\r\n")
    assert replies == [Reply(250, "Ok")]
    assert why


def test_it_bounds_a_line_and_a_reply() -> None:
    longest = b"250 " + b"x" * (8192 - 6) + b"\r\n"
    assert parsed(longest)[1] == ""
    assert "longer than 8192 bytes" in parsed(b"x" + longest)[1]
    assert "longer than 8192 bytes" in parsed(*[b"2" * 100] * 82)[1]
    line = b"250-" + b"x" * 1018 + b"\r\n"
    assert parsed(line * 63 + b"250 ok\r\n")[1] == ""
    assert "longer than 65536 bytes" in parsed(line * 64 + b"250 ok\r\n")[1]


REPLY_BYTES = st.lists(
    st.one_of(
        st.from_regex(rb"([2-5][0-9]{2}-[a-z .]{0,8}\r?\n)?[2-5][0-9]{2} [a-z .]{0,8}\r?\n", fullmatch=True),
        st.binary(max_size=12),
        st.just(b"250-a\r\n250-b\r\n250 c\r\n"),
        st.just(b"250 " + b"x" * 8188),
    )
).map(b"".join)


@given(REPLY_BYTES, st.lists(st.integers(0, 20_000)))
def test_it_reads_the_same_wherever_the_bytes_are_cut(data: bytes, places: list[int]) -> None:
    assert parsed(*cut(data, places)) == parsed(data)


@given(st.binary(max_size=400))
def test_it_survives_any_bytes(data: bytes) -> None:
    replies, _why = parsed(*[bytes([byte]) for byte in data])
    assert all(200 <= reply.code <= 599 for reply in replies)
