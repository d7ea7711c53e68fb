from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import async_to_sync

if TYPE_CHECKING:
    from mailer.domains.check import Report
    from tests.support.dns_server import Behaviour, Zone

    Ask = Callable[..., Report]


@pytest.fixture
def ask(settings: Any) -> Iterator[Ask]:
    """Checks example.com, or another domain, against a DNS server with this zone and these misbehaviours."""
    from mailer.domains.check import check_domain
    from tests.support.dns_server import DnsServer

    settings.EMAIL_HOST, settings.DKIM_DOMAIN = "", "example.com"
    with contextlib.ExitStack() as servers:

        def check(
            zone: Zone,
            *behaviours: Behaviour,
            domain: str = "example.com",
            ip: str = "",
            selector: str = "",
            budget: float = 10,
        ) -> Report:
            server = servers.enter_context(DnsServer(zone, *behaviours))
            settings.DNS_RESOLVER = server.address
            senders = [ipaddress.ip_address(ip)] if ip else []
            return async_to_sync(check_domain)(domain, selector=selector, senders=senders, budget=budget)

        yield check
