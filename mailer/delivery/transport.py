"""How this site's mail leaves: what opens connections, and the breaker that tells when none can be had."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, cast

import aiosmtplib
from django.conf import settings
from django.core.mail.utils import DNS_NAME

from mailer.delivery.backend import BackendConnection
from mailer.delivery.breaker import Breaker
from mailer.delivery.channel import SmtpChannel
from mailer.delivery.connection import ConnectFailed, Connection, OpenConnection
from mailer.delivery.outcome import Kind, Outcome, Phase, Reply, Scope, classify_break, classify_reply, clean_text
from mailer.delivery.steps import Timeouts

SMTP_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
NOT_IMPLEMENTED = 504  # the server does not know this way to log in (RFC 4954 §4)


@dataclass(frozen=True)
class Transport:
    """`await transport.open()` gives a Connection or raises ConnectFailed; `breaker` says whether to try at all."""

    open: OpenConnection
    breaker: Breaker


@dataclass(frozen=True)
class Server:
    """An SMTP server and how to speak to it. `timeout` in seconds, for each step of opening a connection."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    tls: Literal["none", "starttls", "implicit"] = "none"
    timeout: float = 30.0

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def transport_from_settings() -> Transport:
    """This site's way to send, by EMAIL_BACKEND and EMAIL_HOST. Without a server, opening it fails and says so."""
    if settings.EMAIL_BACKEND != SMTP_BACKEND:
        opening: OpenConnection = _open_backend
    elif (server := server_from_settings()) is not None:
        opening = partial(open_connection, server)
    else:
        opening = _open_nothing
    return Transport(opening, Breaker(opening))


def server_from_settings() -> Server | None:
    """The server that EMAIL_HOST and its kin name, or None where EMAIL_HOST is empty."""
    if not settings.EMAIL_HOST:
        return None
    return Server(
        settings.EMAIL_HOST,
        settings.EMAIL_PORT,
        settings.EMAIL_HOST_USER,
        settings.EMAIL_HOST_PASSWORD,
        "implicit" if settings.EMAIL_USE_SSL else "starttls" if settings.EMAIL_USE_TLS else "none",
        settings.EMAIL_TIMEOUT,
    )


async def open_connection(server: Server, timeouts: Timeouts | None = None) -> SmtpChannel:
    """Connect, greet, secure and log in as the server's entry says, never with less. Raises ConnectFailed.

    `timeouts` are for the mails afterwards; RFC 5321's by default.
    """
    return await _Opening(server, timeouts).run()


class _Opening:
    """The way to a connection, remembering the phase it is in."""

    def __init__(self, server: Server, timeouts: Timeouts | None) -> None:
        self._server = server
        self._timeouts = timeouts
        self._phase = Phase.CONNECT

    async def run(self) -> SmtpChannel:
        smtp = aiosmtplib.SMTP(
            hostname=self._server.host,
            port=self._server.port,
            local_hostname=await asyncio.to_thread(DNS_NAME.get_fqdn),
            timeout=self._server.timeout,
            use_tls=self._server.tls == "implicit",
            start_tls=False,  # None would let a stripped STARTTLS pass; below it is asked for, and required
        )
        try:
            await self._negotiate(smtp)
            return self._take_over(smtp)
        except (aiosmtplib.SMTPException, OSError, UnicodeError) as error:
            raise self._failure(error) from error
        finally:
            smtp.close()

    async def _negotiate(self, smtp: aiosmtplib.SMTP) -> None:
        await smtp.connect()
        await self._greet(smtp)
        if self._server.tls == "starttls":
            self._phase = Phase.TLS
            if not smtp.supports_extension("starttls"):
                raise self._failed(f"{self._server} does not offer STARTTLS, which is required")
            await smtp.starttls()
            await self._greet(smtp)
        if self._server.user:
            self._phase = Phase.LOGIN
            await self._log_in(smtp)

    async def _greet(self, smtp: aiosmtplib.SMTP) -> None:
        self._phase = Phase.HELLO
        try:
            await smtp.ehlo()
        except aiosmtplib.SMTPHeloError:
            if not smtp.is_connected:
                raise
            await smtp.helo()

    async def _log_in(self, smtp: aiosmtplib.SMTP) -> None:
        """Try one way, not all that are offered as aiosmtplib would: every failed login counts towards a lock-out."""
        ways = {"cram-md5": smtp.auth_crammd5, "plain": smtp.auth_plain, "login": smtp.auth_login}
        for log_in in [way for name, way in ways.items() if name in smtp.server_auth_methods]:
            try:
                await log_in(self._server.user.encode(), self._server.password.encode())
            except aiosmtplib.SMTPAuthenticationError as error:
                if error.code != NOT_IMPLEMENTED:
                    raise
            else:
                return
        reason = f"{self._server} offers no way to log in that we know"
        raise ConnectFailed(reason, Outcome(Kind.REJECTED, Scope.ACCOUNT, self._phase, None, "", reason))

    def _take_over(self, smtp: aiosmtplib.SMTP) -> SmtpChannel:
        """Put our protocol in charge of the transport, and leave aiosmtplib's without one."""
        protocol = smtp.protocol
        if protocol is None or protocol.transport is None or protocol.transport.is_closing():
            raise self._failed(f"{self._server} closed the connection")
        if protocol._buffer:
            raise self._failed(f"{self._server} said more than it was asked")
        transport = cast("asyncio.Transport", protocol.transport)
        channel = SmtpChannel(transport, smtp.esmtp_extensions.copy(), self._timeouts)
        smtp.protocol = smtp.transport = protocol.transport = None
        return channel

    def _failure(self, error: aiosmtplib.SMTPException | OSError | UnicodeError) -> ConnectFailed:
        if isinstance(error, aiosmtplib.SMTPResponseException) and error.code > 0:
            outcome = classify_reply(self._phase, Reply(error.code, error.message))
            return ConnectFailed(f"{self._server} {self._refusal}: {error.code} {clean_text(error.message)}", outcome)
        return self._failed(self._reason(error))

    def _failed(self, reason: str) -> ConnectFailed:
        return ConnectFailed(reason, classify_break(self._phase, reason))

    @property
    def _refusal(self) -> str:
        if self._phase is Phase.LOGIN:
            return "refused the login"
        return "refused to start TLS" if self._phase is Phase.TLS else "refused the connection"

    def _reason(self, error: aiosmtplib.SMTPException | OSError | UnicodeError) -> str:
        """Why there is no connection, in a person's words. Never what was sent, which may hold the password."""
        root = error.__cause__ or error
        match root:
            case ssl.SSLCertVerificationError():
                return f"The certificate of {self._server} can't be trusted: {root.verify_message}"
            case ssl.SSLError():
                return f"TLS with {self._server} failed: {root.reason or root}"
            case TimeoutError():
                return f"No answer from {self._server} within {self._server.timeout:g} seconds"
            case socket.gaierror() | UnicodeError():
                return f"The name of the mail server is not known: {self._server.host}"
            case OSError() if f"[Errno {errno.ECONNREFUSED}]" in str(root):  # of one address or, in a list, of several
                return f"Connection refused by {self._server}"
            case aiosmtplib.SMTPServerDisconnected() | ConnectionResetError():
                return f"{self._server} closed the connection"
            case aiosmtplib.SMTPException():
                return f"{self._server} does not speak SMTP as it should: {clean_text(root.message)}"
            case OSError(errno=int(number)):
                return f"No connection to {self._server}: {os.strerror(number)}"
            case _:
                return f"No connection to {self._server}: {root}"


async def _open_backend() -> Connection:
    return BackendConnection()


async def _open_nothing() -> Connection:
    reason = "No mail server is set: EMAIL_HOST is empty"
    raise ConnectFailed(reason, classify_break(Phase.CONNECT, reason))
