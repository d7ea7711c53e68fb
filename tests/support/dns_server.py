"""A DNS server that misbehaves as a test says, on a port of this machine, over UDP and TCP.

with DnsServer({"example.com": {"TXT": ["v=spf1 -all"]}}, silent("slow.example.com")) as server:
    ...  # server.address, server.asked
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from mailer.delivery.dkim_keys import zone_strings

Zone = Mapping[str, Mapping[str, Sequence[str]]]  # by name, then by type: the values; TXT as one line


@dataclass(frozen=True)
class Question:
    name: str
    kind: str
    over_tcp: bool


@dataclass(frozen=True)
class Behaviour:
    """What the server does for a name instead of the ordinary: the octets that it gives back, or None for none."""

    name: str
    act: Callable[[DnsServer, dns.message.QueryMessage, Question], bytes | None]


# The misbehaviours, by name.


def silent(name: str) -> Behaviour:
    return Behaviour(name, lambda _server, _query, _question: None)


def refuse(name: str, code: dns.rcode.Rcode = dns.rcode.SERVFAIL) -> Behaviour:
    def act(_server: DnsServer, query: dns.message.QueryMessage, _question: Question) -> bytes:
        reply = dns.message.make_response(query)
        reply.set_rcode(code)
        return reply.to_wire()

    return Behaviour(name, act)


def truncate(name: str) -> Behaviour:
    """Over UDP it says only that there is more; over TCP all of it."""

    def act(server: DnsServer, query: dns.message.QueryMessage, question: Question) -> bytes:
        return server.ordinary_octets(query, question) if question.over_tcp else cut_off(query)

    return Behaviour(name, act)


def truncate_always(name: str) -> Behaviour:
    return Behaviour(name, lambda _server, query, _question: cut_off(query))


def cut_off(query: dns.message.QueryMessage) -> bytes:
    reply = dns.message.make_response(query)
    reply.flags |= dns.flags.TC
    return reply.to_wire()


def babble(name: str) -> Behaviour:
    """The right header, then octets that mean nothing."""
    return Behaviour(name, lambda _server, query, _question: query.to_wire()[:2] + b"\x81\x80" + b"\xff" * 30)


def answer_another_question(name: str) -> Behaviour:
    def act(server: DnsServer, query: dns.message.QueryMessage, question: Question) -> bytes:
        other = dns.message.make_query("elsewhere.example.com", question.kind)
        other.id = query.id
        reply = dns.message.make_response(other)
        reply.answer.append(dns.rrset.from_text("elsewhere.example.com.", 60, "IN", "TXT", '"v=spf1 +all"'))
        return reply.to_wire()

    return Behaviour(name, act)


class DnsServer:
    """Answers from the zone, with NXDOMAIN for a name that it does not have; follows CNAMEs as a resolver does."""

    def __init__(self, zone: Zone, *behaviours: Behaviour) -> None:
        self.zone, self.behaviours = zone, behaviours
        self.asked: list[Question] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> DnsServer:
        self._thread.start()
        self.address = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(30)
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    def reply_to(self, octets: bytes, *, over_tcp: bool) -> bytes | None:
        query = dns.message.from_wire(octets)
        assert isinstance(query, dns.message.QueryMessage)
        asked = query.question[0]
        question = Question(
            asked.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(asked.rdtype), over_tcp
        )
        self.asked.append(question)
        behaviour = next((found for found in self.behaviours if found.name == question.name), None)
        if behaviour:
            return behaviour.act(self, query, question)
        return self.ordinary_octets(query, question)

    def ordinary_octets(self, query: dns.message.QueryMessage, question: Question) -> bytes:
        """The reply, cut off where it is too long for UDP."""
        try:
            return self.ordinary_reply(query, question).to_wire(max_size=65535 if question.over_tcp else query.payload)
        except dns.exception.TooBig:
            return cut_off(query)

    def ordinary_reply(self, query: dns.message.QueryMessage, question: Question) -> dns.message.Message:
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        name = question.name
        for _step in range(30):
            records = self.zone.get(name)
            if records is None:
                reply.set_rcode(dns.rcode.NXDOMAIN)
            elif "CNAME" in records:
                target = records["CNAME"][0]
                reply.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "CNAME", f"{target}."))
                name = target
                continue
            elif records.get(question.kind):
                values = [zone_strings(value) if question.kind == "TXT" else value for value in records[question.kind]]
                reply.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", question.kind, *values))
            break
        return reply

    async def _start(self) -> tuple[str, int]:
        """On a port that is free for both: what the system gives away for one may be taken for the other."""
        while True:
            self._tcp = await asyncio.start_server(self._serve_tcp, "127.0.0.1", 0)
            port = self._tcp.sockets[0].getsockname()[1]
            try:
                self._udp, _protocol = await self._loop.create_datagram_endpoint(
                    lambda: _Datagrams(self), local_addr=("127.0.0.1", port)
                )
            except OSError:
                self._tcp.close()
            else:
                return "127.0.0.1", port

    async def _stop(self) -> None:
        self._udp.close()
        self._tcp.close()
        await asyncio.sleep(0)

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = int.from_bytes(await reader.readexactly(2))
        reply = self.reply_to(await reader.readexactly(length), over_tcp=True)
        if reply is not None:
            writer.write(len(reply).to_bytes(2) + reply)
            await writer.drain()
        writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, octets: bytes, sender: tuple[str, int]) -> None:
        reply = self._server.reply_to(octets, over_tcp=False)
        if reply is not None:
            self._transport.sendto(reply, sender)
