from __future__ import annotations

import asyncio
from typing import Any

import pytest

from core.body_limit import with_body_limit
from mailer.importing import LARGEST_FILE

LIMIT = 1024 * 1024
LISTS = "/lists/"


async def answer(headers: list[tuple[bytes, bytes]], chunks: list[bytes], path: str = "/") -> tuple[int, int]:
    """The status, and how many bytes the application read."""
    read = 0
    sent: list[Any] = []
    waiting = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]

    async def application(_scope: Any, receive: Any, send: Any) -> None:
        nonlocal read
        for _ in chunks:
            read += len((await receive())["body"])
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> Any:
        await asyncio.sleep(0)
        return waiting.pop(0)

    async def send(event: Any) -> None:
        sent.append(event)

    scope: Any = {"type": "http", "path": path, "headers": headers}
    limited: Any = with_body_limit(application, LIMIT, {LISTS: 2 * LIMIT})
    await limited(scope, receive, send)
    return sent[0]["status"], read


@pytest.mark.parametrize(
    ("announced", "chunks", "expected"),
    [
        (b"10", [b"x" * 10], (200, 10)),
        (None, [b"x" * LIMIT], (200, LIMIT)),
        (b"1048577", [b"x" * 10], (413, 0)),
        (None, [b"x" * LIMIT, b"x", b"x"], (413, LIMIT)),
        (b"5", [b"x" * LIMIT, b"x"], (413, LIMIT)),
        (b"nonsense", [b"x"], (200, 1)),
        (b"0" * 5_000 + b"3", [b"x"], (400, 0)),
    ],
)
async def test_it_refuses_what_is_too_large(
    announced: bytes | None, chunks: list[bytes], expected: tuple[int, int]
) -> None:
    headers = [(b"content-length", announced)] if announced else []
    assert await answer(headers, chunks) == expected


async def test_a_path_may_have_a_limit_of_its_own() -> None:
    assert await answer([], [b"x" * LIMIT, b"x" * LIMIT], LISTS) == (200, 2 * LIMIT)
    assert await answer([], [b"x" * LIMIT, b"x" * LIMIT, b"x"], LISTS) == (413, 2 * LIMIT)


@pytest.mark.parametrize("path", ["/recipients/import/", "/suppressions/add/"])
async def test_the_site_takes_lists_as_large_as_their_forms_do(path: str) -> None:
    from asgi_project.asgi import limited

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    sent: list[Any] = []

    async def send(event: Any) -> None:
        sent.append(event)

    def scope(size: int) -> Any:
        return {"type": "http", "path": path, "headers": [(b"content-length", str(size).encode())]}

    await limited(scope(LARGEST_FILE + 2 * LIMIT), receive, send)
    assert sent[0]["status"] == 413
    sent.clear()
    await limited(scope(LARGEST_FILE), receive, send)
    assert not sent  # it has come as far as Django, which finds that nobody is there any more
