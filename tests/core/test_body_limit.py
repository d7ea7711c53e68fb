from __future__ import annotations

import asyncio
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.conf import settings

from asgi_project import asgi
from core.body_limit import with_body_limit

LIMIT = 1024 * 1024


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

    scope: Any = {"type": "http", "headers": headers, "path": path}
    limited: Any = with_body_limit(application, LIMIT, {"/lists/": 3 * LIMIT})
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
    ],
)
async def test_it_refuses_what_is_too_large(
    announced: bytes | None, chunks: list[bytes], expected: tuple[int, int]
) -> None:
    headers = [(b"content-length", announced)] if announced else []
    assert await answer(headers, chunks) == expected


async def test_lists_may_be_larger() -> None:
    chunks = [b"x" * LIMIT] * 3
    assert await answer([], chunks, "/lists/") == (200, 3 * LIMIT)
    assert (await answer([], [*chunks, b"x"], "/lists/"))[0] == 413


@pytest.mark.parametrize(
    ("path", "is_refused"), [("/recipients/import/", False), ("/suppressions/add/", False), ("/messages/new/", True)]
)
async def test_the_pages_that_import_lists_take_them(path: str, is_refused: bool) -> None:
    announced = str(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1).encode()
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b""}
    headers = [(b"host", b"testserver"), (b"content-length", announced)]
    sent = ApplicationCommunicator(asgi.limited, {**scope, "headers": headers})
    await sent.send_input({"type": "http.request", "body": b"", "more_body": False})
    status = (await sent.receive_output(timeout=20))["status"]
    while (await sent.receive_output(timeout=20)).get("more_body"):
        pass
    await sent.wait()
    assert (status == 413) is is_refused
