"""Mail servers that misbehave at one stage each, all in one process of their own, so that their memory is not ours.

with Misbehaving(folder) as servers:
    ...  # servers.ports["rcpt", "garbage"]
"""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import get_args

from tests.support.smtp_server import (
    LOGIN,
    Behaviour,
    HangUp,
    Session,
    SmtpServer,
    Stage,
    close_at,
    drop_after_dot,
    garbage_at,
    refuse_recipient,
    reset_at,
    say_more_after,
    silent_at,
)

STAGES: tuple[Stage, ...] = get_args(Stage)
BYTE_PAUSE = 0.2  # seconds: the shortest reply takes nearly three


def drip_at(stage: Stage) -> Behaviour:
    """Says the right thing, byte by byte, with a pause after each."""

    async def act(session: Session) -> None:
        for byte in f"{session.ordinary_reply(stage)}\r\n".encode():
            if session.gone.is_set():
                raise HangUp
            session.write(bytes([byte]))
            await asyncio.sleep(BYTE_PAUSE)

    return Behaviour(stage, act)


def endless_line_at(stage: Stage) -> Behaviour:
    return garbage_at(stage, b"250 " + b"x" * 10_000_000)


def endless_reply_at(stage: Stage) -> Behaviour:
    """Ten thousand lines, each of which promises another."""
    return garbage_at(stage, b"250-And then there is something else that I wanted to say\r\n" * 10_000)


FAULTS: dict[str, Callable[[Stage], Behaviour]] = {
    "drop": close_at,
    "reset": reset_at,
    "silence": silent_at,
    "garbage": garbage_at,
    "drip": drip_at,
    "endless line": endless_line_at,
    "endless reply": endless_reply_at,
    "unasked": say_more_after,
}


class Misbehaving:
    """The servers, from `with` to the end of its block. `certificate`: a PEM file with its key, for STARTTLS."""

    def __init__(self, certificate: Path) -> None:
        self._command = [sys.executable, "-m", __name__, str(certificate)]

    def __enter__(self) -> Misbehaving:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        ports = json.loads(self._process.stdout.readline())
        self.ports: dict[tuple[Stage, str], int] = {(stage, fault): port for stage, fault, port in ports}
        return self

    def __exit__(self, *_exception: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()


def server_for(stage: Stage, fault: str, certificate: ssl.SSLContext) -> SmtpServer:
    """TLS and login are asked of the client where they are what fails."""
    behaviours = [FAULTS[fault](stage)]
    if stage == "body" and fault == "drop":
        behaviours = [drop_after_dot()]
    if stage == "rset":  # said only after a refusal
        behaviours.append(refuse_recipient(550, "5.1.1 No such user", times=1))
    return SmtpServer(
        *behaviours, certificate=certificate if stage == "tls" else None, login=LOGIN if stage == "login" else None
    )


def main() -> None:
    certificate = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.load_cert_chain(sys.argv[1])
    with ExitStack() as stack:
        ports = [
            (stage, fault, stack.enter_context(server_for(stage, fault, certificate)).port)
            for stage in STAGES
            for fault in FAULTS
        ]
        print(json.dumps(ports), flush=True)  # noqa: T201
        sys.stdin.read()


if __name__ == "__main__":
    main()
