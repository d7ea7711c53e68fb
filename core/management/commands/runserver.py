"""`manage.py runserver`: Uvicorn, because Django's own server has no websockets."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
from typing import Any

import uvicorn
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.management.commands.runserver import naiveip_re
from django.db import connections

from core.loopback import is_loopback

MAX_WEBSOCKET_MESSAGE = 65536  # bytes; what a page sends us is far smaller
WATCHED = ["asgi_project", "core", "mailer", "realtime", "templates"]
DRAIN_SECONDS = 10  # for requests under way; the sender's own drain comes after, in the lifespan


class Command(BaseCommand):
    help = "Starts the site: pages, live pages and, in an embedded start, the sender and the mail catcher."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("addrport", nargs="?", default="", help="Port number, or address:port")
        parser.add_argument("-6", "--ipv6", action="store_true", dest="use_ipv6", help="Listen on an IPv6 address.")
        parser.add_argument(
            "--noreload", action="store_false", dest="use_reloader", help="Don't start anew when code changes."
        )

        parser.add_argument("--workers", type=int, default=1, help="Processes; more than one goes with --noreload.")

    def handle(
        self, *args: Any, addrport: str, use_ipv6: bool, use_reloader: bool, workers: int, **options: Any
    ) -> None:
        host, port = host_and_port(addrport, use_ipv6)
        refuse_other_addresses(host)
        refuse_workers(workers, use_reloader)
        refuse_taken_port(host, port)
        self.check_migrations()
        connections.close_all()
        module, _dot, attribute = settings.ASGI_APPLICATION.rpartition(".")
        uvicorn.run(
            f"{module}:{attribute}",
            host=host,
            port=port,
            workers=workers,
            reload=use_reloader,
            reload_dirs=[str(settings.BASE_DIR / name) for name in WATCHED] if use_reloader else None,
            reload_includes=["*.html"] if use_reloader else None,  # templates are cached
            lifespan="auto",
            ws_max_size=MAX_WEBSOCKET_MESSAGE,
            timeout_graceful_shutdown=DRAIN_SECONDS,
            forwarded_allow_ips=",".join(settings.TRUSTED_PROXIES),
        )


def host_and_port(addrport: str, use_ipv6: bool) -> tuple[str, int]:
    """What Django's runserver takes: "", "8000", "0.0.0.0:8000", "[::1]:8000". Raises CommandError."""
    match = re.match(naiveip_re, addrport or str(settings.PORT))
    if match is None or not 0 < int(match["port"]) < 65536:
        raise CommandError(f"{addrport!r} is not a port number or an address:port pair.")
    host = (match["addr"] or ("::1" if use_ipv6 else "127.0.0.1")).strip("[]")
    with contextlib.suppress(ValueError):
        if use_ipv6 and ipaddress.ip_address(host).version != 6:
            raise CommandError(f"{host} is not an IPv6 address.")
    return host, int(match["port"])


def refuse_other_addresses(host: str) -> None:
    """Under the embedded start, an address that other machines can reach is a CommandError."""
    if settings.EMBEDDED and not is_loopback(host):
        raise CommandError(
            f"An embedded start listens on 127.0.0.1 only, not on {host}: it has a demo login and shows its mail to "
            "whoever is on this machine. README.md says how to run it for real."
        )


def refuse_workers(workers: int, use_reloader: bool) -> None:
    """Raises CommandError where as many processes can't be."""
    if workers < 1:
        raise CommandError("--workers takes a number from 1.")
    if workers > 1 and (use_reloader or settings.EMBEDDED):
        raise CommandError("--workers goes with --noreload, and not with an embedded start, which is one process.")


def refuse_taken_port(host: str, port: int) -> None:
    """Raises CommandError where another program listens already, or the address is not this machine's."""
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise CommandError(
            f"Can't listen on {host}, port {port}: {error.strerror}. Another port: make run PORT=8001, or "
            "manage.py runserver 8001."
        ) from error
