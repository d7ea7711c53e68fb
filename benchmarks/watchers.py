"""People who look at a mailing's live page: `python -m benchmarks.watchers URL SESSION PAGES`, in a process of its own.

Prints `ready` once all pages are open; when its standard input ends, what the first of them was told: a list of
[when, in seconds of the epoch; how many deliveries were sent by then]. The others only keep their sockets drained.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time

import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

Frame = tuple[float, str | bytes]


async def watch(url: str, session: str, pages: int) -> list[tuple[float, int]]:
    origin = url.replace("ws://", "http://").partition("/ws/")[0]
    headers = {"Cookie": f"sessionid={session}", "Origin": origin}
    opened = [
        await connect(url, additional_headers=headers, compression=None, max_size=None, ping_interval=None)
        for _ in range(pages)
    ]
    frames: list[Frame] = [(time.time(), await page.recv()) for page in opened[:1]]
    tasks = [asyncio.create_task(_drain(page, frames if page is opened[0] else None)) for page in opened]
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for page in opened:
        await page.close()
    await asyncio.gather(*tasks)
    return [(at, int(json.loads(text)["progress"]["counts"]["sent"])) for at, text in frames]


async def _drain(page: ClientConnection, frames: list[Frame] | None) -> None:
    with contextlib.suppress(ConnectionClosed):
        while True:
            text = await page.recv(decode=False)
            if frames is not None:
                frames.append((time.time(), text))


if __name__ == "__main__":
    print(json.dumps(uvloop.run(watch(sys.argv[1], sys.argv[2], int(sys.argv[3])))))
