from __future__ import annotations

import socket
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.core.management import CommandError, call_command, get_commands

from core.loopback import is_loopback, refuse_other_machines
from core.management.commands.runserver import host_and_port, refuse_taken_port
from tests.support.servers import free_port


def test_it_is_ours() -> None:
    assert get_commands()["runserver"] == "core"


@pytest.mark.parametrize(
    ("typed", "use_ipv6", "expected"),
    [
        ("", False, ("127.0.0.1", 8000)),
        ("", True, ("::1", 8000)),
        ("8001", False, ("127.0.0.1", 8001)),
        ("8001", True, ("::1", 8001)),
        ("0.0.0.0:80", False, ("0.0.0.0", 80)),
        ("[2001:db8::1]:8001", False, ("2001:db8::1", 8001)),
        ("localhost:8001", False, ("localhost", 8001)),
        ("localhost:8001", True, ("localhost", 8001)),
    ],
)
def test_it_takes_what_djangos_takes(typed: str, use_ipv6: bool, expected: tuple[str, int]) -> None:
    assert host_and_port(typed, use_ipv6) == expected


@pytest.mark.parametrize("typed", ["http://127.0.0.1:8000", "127.0.0.1", "0", "65536", "a b:80"])
def test_it_refuses_what_is_no_address(typed: str) -> None:
    with pytest.raises(CommandError, match="not a port number"):
        host_and_port(typed, use_ipv6=False)


def test_it_refuses_ipv4_where_ipv6_is_asked_for() -> None:
    with pytest.raises(CommandError, match="not an IPv6 address"):
        host_and_port("127.0.0.1:8000", use_ipv6=True)


@pytest.mark.parametrize("address", ["0.0.0.0:8000", "192.168.1.5:8000", "[::]:8000", "example.com:8000", "0:8000"])
def test_it_refuses_other_addresses_under_the_embedded_start(settings: Any, address: str) -> None:
    settings.EMBEDDED = True
    with pytest.raises(CommandError, match=r"127\.0\.0\.1 only"):
        call_command("runserver", address, "--noreload")


@pytest.mark.parametrize(("words", "embedded"), [(["--workers=2"], False), (["--workers=2", "--noreload"], True)])
def test_it_refuses_workers_where_one_process_must_do(settings: Any, words: list[str], embedded: bool) -> None:
    settings.EMBEDDED = embedded
    with pytest.raises(CommandError, match="--workers goes with --noreload"):
        call_command("runserver", *words)


def test_it_refuses_no_workers() -> None:
    with pytest.raises(CommandError, match="from 1"):
        call_command("runserver", "--workers=0")


def test_it_says_when_the_port_is_taken() -> None:
    port = free_port()
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(CommandError, match=f"port {port}: Address already in use"),
    ):
        refuse_taken_port("127.0.0.1", port)
    refuse_taken_port("127.0.0.1", port)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_it_knows_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "10.0.0.1", "example.com", "localhost.example.com"])
def test_it_knows_what_is_not_loopback(host: str) -> None:
    assert not is_loopback(host)


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "hello"})


async def answer(kind: str, server: tuple[str, int] | None) -> Any:
    """What a guarded application sends first to a connection that came in at this address."""
    communicator = ApplicationCommunicator(refuse_other_machines(hello), {"type": kind, "server": server})
    return await communicator.receive_output()


@pytest.mark.parametrize("kind", ["http", "websocket", "lifespan"])
async def test_it_answers_this_machine(kind: str) -> None:
    assert await answer(kind, ("127.0.0.1", 8000)) == {"type": "hello"}


@pytest.mark.parametrize("server", [("192.168.1.5", 8000), None])
async def test_it_answers_no_other_machine(server: tuple[str, int] | None) -> None:
    page = await answer("http", server)
    assert (page["type"], page["status"]) == ("http.response.start", 403)
    assert (await answer("websocket", server))["type"] == "websocket.close"
