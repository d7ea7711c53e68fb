"""An SMTP server that misbehaves as a test says: by phase, by address or by connection.

    with SmtpServer(refuse_recipient(550, "5.1.1 No such user"), offers=["PIPELINING"]) as server:
        ...  # server.port, server.accepted

It runs on a thread and loop of its own, and speaks bytes: nothing but what is written here stands between a test and
the wire. What it accepts is in its log before the reply goes out.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import ssl
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, cast

Stage = Literal["connect", "hello", "tls", "login", "mail", "rcpt", "data", "body", "rset", "quit"]
NO_GROUPS = "SMTP_SERVER_WITHOUT_PIPELINING"  # in the environment, so that a server's own process knows too
LOGIN = ("user@example.com", "correct horse")


def ordinary_offers() -> list[str]:
    """What a server says to EHLO unless a test says otherwise: the fixture `pipelining` decides about groups."""
    groups = [] if os.environ.get(NO_GROUPS) else ["PIPELINING"]
    return [*groups, "SIZE 10485760", "8BITMIME", "ENHANCEDSTATUSCODES"]


class HangUp(Exception):
    """Raised by a behaviour to end the connection without a further word."""


@dataclass(frozen=True)
class Behaviour:
    """What the server does at a stage instead of the ordinary. `act` returns the reply to give, or None for none."""

    stage: Stage
    act: Callable[[Session], Awaitable[str | None]]
    accepts: bool = False  # at "body": whether the mail counts as taken, whatever is then said
    times: int | None = None  # how often, over all connections; None for ever


@dataclass(frozen=True)
class Accepted:
    """A mail that the server has taken: its content as it was before the dots were doubled."""

    mail_from: str
    rcpt_to: str
    message_id: str
    content: bytes
    at: float = field(default_factory=time.time, compare=False)  # when its final dot had come, in seconds since 1970


# The misbehaviours, by name.


def reply_at(stage: Stage, code: int, text: str, times: int | None = None) -> Behaviour:
    async def act(_session: Session) -> str:
        return f"{code} {text}"

    return Behaviour(stage, act, times=times)


def refuse_sender(code: int, text: str, times: int | None = None) -> Behaviour:
    return reply_at("mail", code, text, times)


def refuse_recipient(code: int, text: str, times: int | None = None) -> Behaviour:
    return reply_at("rcpt", code, text, times)


def refuse_data(code: int, text: str, times: int | None = None) -> Behaviour:
    return reply_at("data", code, text, times)


def refuse_message(code: int, text: str, times: int | None = None) -> Behaviour:
    return reply_at("body", code, text, times)


def go_ahead_for_nobody(verdict: str = "554 5.5.1 No valid recipients") -> Behaviour:
    """Lets DATA through without a recipient, and says this of the mail."""

    async def act(session: Session) -> str:
        session.verdict_on_nobody = verdict
        return "354 Go ahead"

    return Behaviour("data", act)


def reply_421_at(stage: Stage, times: int | None = None) -> Behaviour:
    async def act(session: Session) -> None:
        session.say("421 4.3.2 Service shutting down")
        raise HangUp

    return Behaviour(stage, act, times=times)


def close_at(stage: Stage, times: int | None = None) -> Behaviour:
    async def act(_session: Session) -> None:
        raise HangUp

    return Behaviour(stage, act, times=times)


def reset_at(stage: Stage, times: int | None = None) -> Behaviour:
    """Ends the connection by a TCP reset."""

    async def act(session: Session) -> None:
        session.reset()
        raise HangUp

    return Behaviour(stage, act, times=times)


def garbage_at(stage: Stage, data: bytes = b"\x00\xffnonsense\r\n", times: int | None = None) -> Behaviour:
    """Says these bytes, whatever they are, and nothing else."""

    async def act(session: Session) -> None:
        session.write(data)

    return Behaviour(stage, act, times=times)


def half_reply_at(stage: Stage, data: bytes = b"250 o", times: int | None = None) -> Behaviour:
    """Breaks off in the middle of a reply."""

    async def act(session: Session) -> None:
        session.write(data)
        raise HangUp

    return Behaviour(stage, act, accepts=stage == "body", times=times)


def silent_at(stage: Stage, times: int | None = None) -> Behaviour:
    """Says nothing more until the client goes."""

    async def act(session: Session) -> None:
        await session.gone.wait()
        raise HangUp

    return Behaviour(stage, act, times=times)


def drop_after_dot(accepts: bool = True, times: int | None = None) -> Behaviour:
    """Takes the mail (or not), and ends the connection without a reply."""
    return Behaviour("body", close_at("body").act, accepts, times)


def silent_after_dot(accepts: bool = True, times: int | None = None) -> Behaviour:
    """Takes the mail (or not), and never replies."""
    return Behaviour("body", silent_at("body").act, accepts, times)


def slow(seconds: float, stage: Stage = "body", times: int | None = None) -> Behaviour:
    """Behaves, but takes its time."""

    async def act(session: Session) -> str:
        await asyncio.sleep(seconds)
        return session.ordinary_reply(stage)

    return Behaviour(stage, act, accepts=True, times=times)


def held_until(event: threading.Event, stage: Stage = "rcpt") -> Behaviour:
    """Behaves, but not before the test lets it."""

    async def act(session: Session) -> str:
        assert await asyncio.to_thread(event.wait, 60)
        return session.ordinary_reply(stage)

    return Behaviour(stage, act)


def greylist(code: int = 450, text: str = "4.7.1 Greylisted, try again later") -> Behaviour:
    """Defers each recipient the first time."""
    seen: set[str] = set()

    async def act(session: Session) -> str:
        if session.rcpt_to in seen:
            return session.ordinary_reply("rcpt")
        seen.add(session.rcpt_to)
        return f"{code} {text}"

    return Behaviour("rcpt", act)


def say_more_after(stage: Stage, more: str = "421 4.3.2 Shutting down", times: int | None = None) -> Behaviour:
    """Behaves, and adds a reply that nobody asked for in the same breath."""

    async def act(session: Session) -> None:
        session.say(f"{session.ordinary_reply(stage)}\r\n{more}")

    return Behaviour(stage, act, accepts=True, times=times)


def reply_within_body(reply: str, after: int = 1) -> Behaviour:
    """Lets the mail come, but reads no further than so many bytes of it, and replies then, long before the dot."""

    async def act(session: Session) -> None:
        session.say("354 Go ahead")
        await session.read_at_least(after)
        session.stop_reading()
        session.say(reply)
        await session.gone.wait()
        raise HangUp

    return Behaviour("data", act)


def close_within_body(after: int = 1) -> Behaviour:
    """Lets the mail come, and ends the connection once so many bytes of it are there."""

    async def act(session: Session) -> None:
        session.say("354 Go ahead")
        await session.read_at_least(after)
        raise HangUp

    return Behaviour("data", act)


def stop_reading_at(stage: Stage) -> Behaviour:
    """Behaves, but takes no more bytes off the wire."""

    async def act(session: Session) -> str:
        session.stop_reading()
        return session.ordinary_reply(stage)

    return Behaviour(stage, act)


def pause_reading_at(stage: Stage, seconds: float) -> Behaviour:
    """Behaves, but takes no more bytes off the wire for a while."""

    async def act(session: Session) -> str:
        session.stop_reading()
        asyncio.get_running_loop().call_later(seconds, session.go_on_reading)
        return session.ordinary_reply(stage)

    return Behaviour(stage, act)


def stay_after_quit() -> Behaviour:
    """Says goodbye, but neither closes the connection nor notices that the client does."""

    async def act(session: Session) -> None:
        session.say(session.ordinary_reply("quit"))
        session.stop_reading()
        await session.gone.wait()

    return Behaviour("quit", act)


class SmtpServer:
    """A server on 127.0.0.1 and a free port, from `with` to the end of its block.

    `by_address` (of the recipient, or of the sender at "mail") and `by_connection` (from 1) come before `behaviours`.
    `login` makes it offer AUTH and demand it; `certificate` offers STARTTLS, or TLS from the start with `implicit_tls`.
    """

    def __init__(
        self,
        *behaviours: Behaviour,
        by_address: Mapping[str, Sequence[Behaviour]] | None = None,
        by_connection: Mapping[int, Sequence[Behaviour]] | None = None,
        offers: Sequence[str] | None = None,
        login: tuple[str, str] | None = None,
        auth_methods: str = "PLAIN LOGIN",
        certificate: ssl.SSLContext | None = None,
        implicit_tls: bool = False,
        byte_by_byte: bool = False,
        port: int = 0,
        log: Path | None = None,
    ) -> None:
        self.behaviours = behaviours
        self.by_address = by_address or {}
        self.by_connection = by_connection or {}
        self.offers = ordinary_offers() if offers is None else offers
        self.login = login
        self.auth_methods = auth_methods
        self.certificate = certificate
        self.implicit_tls = implicit_tls
        self.byte_by_byte = byte_by_byte
        self.port = port
        self.accepted: list[Accepted] = []
        self.to_nobody: list[bytes] = []  # what followed a DATA that was let through without a recipient
        self.commands: list[tuple[int, str]] = []
        self.connections = 0
        self.pipelined = False  # whether a client sent a command before the reply to the one before
        self.riders = 0  # how often commands followed the end of a mail in the same breath
        self._used: Counter[int] = Counter()
        self._reached: dict[Stage, threading.Event] = {}
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT) if log else None
        self.sessions: list[Session] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="SMTP server", daemon=True)

    def __enter__(self) -> SmtpServer:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return self

    def __exit__(self, *_exception: type[BaseException] | BaseException | TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        if self._log is not None:
            os.close(self._log)

    def said(self, verb: str) -> list[str]:
        """The command lines that began with this verb, over all connections."""
        return [line for _connection, line in self.commands if line.upper().startswith(verb)]

    async def reached(self, stage: Stage) -> None:
        """Wait until some connection has come to the stage. To be awaited in the test's own loop."""
        event = self._reached.setdefault(stage, threading.Event())
        assert await asyncio.to_thread(event.wait, 30), stage

    async def hang_up(self) -> None:
        """End every connection. To be awaited in the test's own loop."""
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._hang_up(), self._loop))

    async def end_sessions(self, reply: str | None = None) -> None:
        """Say so, unasked, and close every connection. To be awaited in the test's own loop."""
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._end_sessions(reply), self._loop))

    def behaviour_at(self, stage: Stage, session: Session) -> Behaviour | None:
        self._reached.setdefault(stage, threading.Event()).set()
        address = session.rcpt_to or session.mail_from
        for behaviour in (
            *self.by_connection.get(session.number, ()),
            *self.by_address.get(address, ()),
            *self.behaviours,
        ):
            if behaviour.stage == stage and self._used[id(behaviour)] != behaviour.times:
                self._used[id(behaviour)] += 1
                return behaviour
        return None

    def accept(self, mail: Accepted) -> None:
        self.accepted.append(mail)
        if self._log is not None:
            entry = {"message_id": mail.message_id, "rcpt_to": mail.rcpt_to, "content": mail.content.decode("latin-1")}
            os.write(self._log, json.dumps(entry).encode() + b"\n")

    async def _listen(self) -> None:
        context = self.certificate if self.implicit_tls else None
        self._server = await self._loop.create_server(self._session, "127.0.0.1", self.port, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]

    def _session(self) -> Session:
        self.connections += 1
        return Session(self, self.connections)

    async def _stop(self) -> None:
        self._server.close()
        await self._hang_up()
        await self._server.wait_closed()  # from Python 3.12 on until the last connection has gone
        await asyncio.gather(*(session.task for session in self.sessions if session.task is not None))

    async def _end_sessions(self, reply: str | None) -> None:
        for session in self.sessions:
            session.end(reply)

    async def _hang_up(self) -> None:
        for _turn in range(3):  # whoever was let in a moment ago is a session by then
            await asyncio.sleep(0)
        for session in self.sessions:
            session.reset()
        await asyncio.gather(*(session.gone.wait() for session in self.sessions))


@dataclass(eq=False)
class Session(asyncio.Protocol):
    """One connection to the server."""

    server: SmtpServer
    number: int
    mail_from: str = ""
    rcpt_to: str = ""
    takes_mail: bool = False  # whether MAIL had a good reply
    takes_recipient: bool = False  # whether RCPT had a good reply since the last MAIL
    verdict_on_nobody: str = ""
    is_logged_in: bool = False
    task: asyncio.Task[None] | None = None
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    _unread: bytearray = field(default_factory=bytearray)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    # The wire.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.server.sessions.append(self)
        self.task = asyncio.get_running_loop().create_task(self._serve())

    def data_received(self, data: bytes) -> None:
        self._unread += data
        self._arrived.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone.set()
        self._arrived.set()

    def write(self, data: bytes) -> None:
        self._transport.write(data)

    def say(self, reply: str) -> None:
        self.write(reply.encode() + b"\r\n")

    def end(self, reply: str | None) -> None:
        if reply is not None:
            self.say(reply)
        self._transport.close()

    def reset(self) -> None:
        self._transport.abort()

    def stop_reading(self) -> None:
        self._transport.pause_reading()

    def go_on_reading(self) -> None:
        self._transport.resume_reading()

    async def read_at_least(self, size: int) -> None:
        while len(self._unread) < size:
            await self._more()

    async def _more(self) -> None:
        self._arrived.clear()
        if self.gone.is_set():
            raise HangUp
        await self._arrived.wait()

    async def _read_until(self, end: bytes, start: int = 0) -> bytes:
        while (found := self._unread.find(end, start)) == -1:
            start = max(start, len(self._unread) - len(end) + 1)
            await self._more()
        data = bytes(self._unread[: found + len(end)])
        del self._unread[: len(data)]
        return data

    # The conversation.

    async def _serve(self) -> None:
        try:
            await self._answer("connect")
            while True:
                line = (await self._read_until(b"\r\n"))[:-2].decode(errors="replace")
                self.server.pipelined |= bool(self._unread)
                self.server.commands.append((self.number, line))
                await self._obey(line)
        except HangUp:
            self._transport.close()

    async def _obey(self, line: str) -> None:
        match line.upper().partition(" ")[0]:
            case "EHLO" | "HELO":
                await self._answer("hello")
            case "STARTTLS" if self.server.certificate is not None:
                await self._start_tls()
            case "AUTH" if self.server.login is not None:
                await self._log_in(line)
            case "MAIL" if self.server.login is not None and not self.is_logged_in:
                self.say("530 5.7.0 Authentication required")
            case "MAIL":
                self.mail_from, self.rcpt_to, self.takes_recipient = path_in(line), "", False
                self.takes_mail = await self._answer("mail")
            case "RCPT":
                self.rcpt_to = path_in(line)
                self.takes_recipient = await self._answer("rcpt")
            case "DATA":
                if await self._answer("data"):
                    await self._take_body()
                    self.takes_mail = self.takes_recipient = False
            case "RSET":
                self.takes_mail = self.takes_recipient = False
                await self._answer("rset")
            case "QUIT":
                await self._answer("quit")
                raise HangUp
            case _:
                self.say("500 5.5.2 What?")

    async def _answer(self, stage: Stage) -> bool:
        """Whether the reply was one to go on with."""
        behaviour = self.server.behaviour_at(stage, self)
        reply = self.ordinary_reply(stage) if behaviour is None else await behaviour.act(self)
        if reply is None:
            return False
        for byte in reply.encode() + b"\r\n" if self.server.byte_by_byte else b"":
            self.write(bytes([byte]))
            await asyncio.sleep(0)
        if not self.server.byte_by_byte:
            self.say(reply)
        return reply[0] in "23"

    def ordinary_reply(self, stage: Stage) -> str:
        if stage == "rcpt" and not self.takes_mail:
            return "503 5.5.1 MAIL first"
        if stage == "data" and not self.takes_recipient:
            return "554 5.5.1 No valid recipients"
        if stage == "hello":
            return "\r\n".join(["250-scripted.example", *(f"250-{offer}" for offer in self._offers()), "250 HELP"])
        return {
            "connect": "220 scripted.example ESMTP",
            "tls": "220 2.0.0 Go ahead",
            "login": "235 2.7.0 Authenticated",
            "data": "354 Go ahead",
            "body": "250 2.0.0 Taken",
            "quit": "221 2.0.0 Bye",
        }.get(stage, "250 2.0.0 Fine")

    def _offers(self) -> list[str]:
        is_secure = self._transport.get_extra_info("sslcontext") is not None
        starttls = ["STARTTLS"] if self.server.certificate is not None and not is_secure else []
        return [*self.server.offers, *starttls, *([f"AUTH {self.server.auth_methods}"] if self.server.login else [])]

    async def _take_body(self) -> None:
        content = unstuffed(await self._read_body())
        self.server.riders += bool(self._unread)
        if not self.takes_recipient:
            self.server.to_nobody.append(content)
            self.say(self.verdict_on_nobody)
            return
        behaviour = self.server.behaviour_at("body", self)
        if behaviour is None or behaviour.accepts:
            self.server.accept(Accepted(self.mail_from, self.rcpt_to, message_id_in(content), content))
        reply = self.ordinary_reply("body") if behaviour is None else await behaviour.act(self)
        if reply is not None:
            self.say(reply)

    async def _read_body(self) -> bytes:
        await self.read_at_least(3)
        if self._unread.startswith(b".\r\n"):
            return await self._read_until(b".\r\n")
        return await self._read_until(b"\r\n.\r\n")

    async def _start_tls(self) -> None:
        if not await self._answer("tls"):
            return
        assert self.server.certificate is not None
        try:
            transport = await asyncio.get_running_loop().start_tls(
                self._transport, self, self.server.certificate, server_side=True
            )
        except OSError as error:  # the client did not like the certificate
            raise HangUp from error
        self._transport = cast("asyncio.Transport", transport)

    async def _log_in(self, line: str) -> None:
        _auth, way, *first = line.split(" ")
        if way.upper() == "PLAIN":
            _identity, user, password = decoded(first[0]).split("\0")
        else:
            user = decoded(first[0])
            self.say("334 " + base64.b64encode(b"Password:").decode())
            password = decoded((await self._read_until(b"\r\n")).decode())
        self.is_logged_in = (user, password) == self.server.login
        if self.is_logged_in:
            self.is_logged_in = await self._answer("login")
        else:
            self.say("535 5.7.8 Wrong user or password")


def decoded(text: str) -> str:
    return base64.b64decode(text).decode()


def path_in(line: str) -> str:
    """The address between the angle brackets of MAIL FROM:<…> or RCPT TO:<…>."""
    return line[line.index("<") + 1 : line.index(">")]


def message_id_in(content: bytes) -> str:
    match = re.search(rb"^Message-ID:\s*(<[^>]*>)", content, re.IGNORECASE | re.MULTILINE)
    return match[1].decode() if match else ""


def unstuffed(data: bytes) -> bytes:
    """A mail as it was before it was made ready for DATA (RFC 5321 §4.5.2)."""
    content = data.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")
    return content[1:] if content.startswith(b"..") else content
