from __future__ import annotations

import asyncio
import gc
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import trustme
import uvloop
from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from mailer.delivery.channel import SmtpChannel
from mailer.delivery.connection import ConnectFailed
from mailer.delivery.outcome import Kind, Phase, Scope
from mailer.delivery.steps import Timeouts
from mailer.delivery.transport import Server, open_connection, server_from_settings, transport_from_settings
from tests.support.servers import free_port
from tests.support.smtp_client import CONTENT, Gate, deliver, envelope
from tests.support.smtp_server import (
    LOGIN,
    Behaviour,
    SmtpServer,
    close_at,
    garbage_at,
    reply_421_at,
    reply_at,
    say_more_after,
    silent_at,
    stay_after_quit,
)

USER, PASSWORD = LOGIN


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSL trusts the authority, as it would one in the system's store."""
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))


def certificate(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


def entry(server: SmtpServer, **fields: Any) -> Server:
    return Server("127.0.0.1", server.port, **fields)


async def failure(server: Server) -> ConnectFailed:
    """Why no connection could be had. It never tells the password."""
    with pytest.raises(ConnectFailed) as caught:
        await open_connection(server)
    assert PASSWORD not in f"{caught.value!r} {caught.value.outcome} {caught.value.__cause__!r}"
    return caught.value


async def sent_through(channel: SmtpChannel) -> Kind:
    outcome = await deliver(channel, envelope(), Gate())
    await channel.quit()
    return outcome.kind


async def test_it_opens_a_plain_connection() -> None:
    with SmtpServer() as server:
        assert await sent_through(await open_connection(entry(server))) is Kind.ACCEPTED
    assert [mail.content for mail in server.accepted] == [CONTENT]
    assert len(server.said("EHLO")) == 1


async def test_it_falls_back_to_helo() -> None:
    with SmtpServer(reply_at("hello", 502, "5.5.1 What is EHLO?", times=1)) as server:
        assert await sent_through(await open_connection(entry(server))) is Kind.ACCEPTED
    assert len(server.said("HELO")) == 1


@pytest.mark.usefixtures("trusted")
async def test_it_secures_the_connection_by_starttls_before_it_logs_in(authority: trustme.CA) -> None:
    with SmtpServer(certificate=certificate(authority, "127.0.0.1"), login=LOGIN) as server:
        channel = await open_connection(entry(server, tls="starttls", user=USER, password=PASSWORD))
        assert await sent_through(channel) is Kind.ACCEPTED
    verbs = [line.partition(" ")[0] for _connection, line in server.commands]
    assert verbs == ["EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "QUIT"]


@pytest.mark.usefixtures("trusted")
async def test_it_speaks_tls_from_the_start(authority: trustme.CA) -> None:
    with SmtpServer(certificate=certificate(authority, "127.0.0.1"), implicit_tls=True) as server:
        assert await sent_through(await open_connection(entry(server, tls="implicit"))) is Kind.ACCEPTED
    assert server.said("STARTTLS") == []


@pytest.mark.usefixtures("trusted")
async def test_it_carries_a_large_mail_over_tls(authority: trustme.CA) -> None:
    content = CONTENT + b".A line.\r\n" * 200_000
    with SmtpServer(certificate=certificate(authority, "127.0.0.1")) as server:
        channel = await open_connection(entry(server, tls="starttls"))
        outcome = await deliver(channel, envelope(content=content), Gate())
        await channel.quit()
    assert outcome.kind is Kind.ACCEPTED
    assert [mail.content == content for mail in server.accepted] == [True]


@pytest.mark.usefixtures("trusted")
async def test_it_does_not_wait_for_a_server_that_stays_after_the_goodbye(authority: trustme.CA) -> None:
    with SmtpServer(stay_after_quit(), certificate=certificate(authority, "127.0.0.1")) as server:
        channel = await open_connection(entry(server, tls="starttls"), Timeouts(quit=0.05))
        await channel.quit()
        assert not channel.is_usable


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_tls_ends_without_trouble(tls: str, authority: trustme.CA, caplog: pytest.LogCaptureFixture) -> None:
    with SmtpServer(certificate=certificate(authority, "127.0.0.1"), implicit_tls=tls == "implicit") as server:
        for _time in range(5):
            await sent_through(await open_connection(entry(server, tls=tls)))
    assert caplog.messages == []


async def test_a_goodbye_that_is_cut_short_closes_the_connection() -> None:
    with SmtpServer(silent_at("quit")) as server:
        channel = await open_connection(entry(server))
        leaving = asyncio.create_task(channel.quit())
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.wait([leaving])
        assert channel._transport.is_closing()


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("tls", ["none", "starttls", "implicit"])
def test_it_works_on_uvloop_as_well(tls: str, authority: trustme.CA) -> None:
    async def send(server: SmtpServer) -> Kind:
        return await sent_through(await open_connection(entry(server, tls=tls)))

    context = None if tls == "none" else certificate(authority, "127.0.0.1")
    with (
        SmtpServer(certificate=context, implicit_tls=tls == "implicit") as server,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        assert runner.run(send(server)) is Kind.ACCEPTED
    assert [mail.content for mail in server.accepted] == [CONTENT]


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize(("name", "why"), [("127.0.0.1", ""), ("mail.example.com", "IP address mismatch")])
async def test_it_refuses_a_certificate_it_cannot_trust(tls: str, name: str, why: str, authority: trustme.CA) -> None:
    signer = authority if why else trustme.CA()
    with SmtpServer(certificate=certificate(signer, name), implicit_tls=tls == "implicit", login=LOGIN) as server:
        failed = await failure(entry(server, tls=tls, user=USER, password=PASSWORD))
    assert str(failed).startswith(f"The certificate of 127.0.0.1:{server.port} can't be trusted: ")
    assert why in str(failed)
    assert (failed.outcome.kind, failed.outcome.scope) == (Kind.DEFERRED, Scope.CONNECTION)
    assert failed.outcome.phase is (Phase.TLS if tls == "starttls" else Phase.CONNECT)
    assert server.said("AUTH") == []


async def test_it_never_goes_on_in_clear_where_tls_is_required() -> None:
    with SmtpServer(login=LOGIN) as server:
        failed = await failure(entry(server, tls="starttls", user=USER, password=PASSWORD))
    assert str(failed) == f"127.0.0.1:{server.port} does not offer STARTTLS, which is required"
    assert (failed.outcome.scope, failed.outcome.phase) == (Scope.CONNECTION, Phase.TLS)
    assert server.said("AUTH") == []


async def test_it_tells_of_a_server_that_speaks_no_tls() -> None:
    with SmtpServer() as server:
        failed = await failure(entry(server, tls="implicit"))
    assert str(failed).startswith(f"TLS with 127.0.0.1:{server.port} failed: ")


async def test_it_tells_of_a_starttls_that_is_refused(authority: trustme.CA) -> None:
    busy = reply_at("tls", 454, "4.7.0 TLS not available")
    with SmtpServer(busy, certificate=certificate(authority, "127.0.0.1")) as server:
        failed = await failure(entry(server, tls="starttls"))
    assert str(failed) == f"127.0.0.1:{server.port} refused to start TLS: 454 4.7.0 TLS not available"
    assert (failed.outcome.scope, failed.outcome.phase, failed.outcome.reply_code) == (
        Scope.CONNECTION,
        Phase.TLS,
        454,
    )


@pytest.mark.parametrize("methods", ["PLAIN LOGIN", "PLAIN", "LOGIN", "XOAUTH2 LOGIN"])
async def test_it_logs_in(methods: str) -> None:
    with SmtpServer(login=LOGIN, auth_methods=methods) as server:
        assert await sent_through(await open_connection(entry(server, user=USER, password=PASSWORD))) is Kind.ACCEPTED
    assert len(server.said("AUTH")) == 1


async def test_it_logs_in_with_other_than_ascii_letters() -> None:
    with SmtpServer(login=("jürgen", "gänse")) as server:
        channel = await open_connection(entry(server, user="jürgen", password="gänse"))
        assert await sent_through(channel) is Kind.ACCEPTED


async def test_it_tries_another_way_to_log_in_only_where_one_is_not_known() -> None:
    with SmtpServer(reply_at("login", 504, "5.5.4 Not this one", times=1), login=LOGIN) as server:
        assert await sent_through(await open_connection(entry(server, user=USER, password=PASSWORD))) is Kind.ACCEPTED
    assert len(server.said("AUTH")) == 2


async def test_it_tries_a_refused_login_once() -> None:
    with SmtpServer(login=("someone", "else")) as server:
        failed = await failure(entry(server, user=USER, password=PASSWORD))
    assert str(failed) == f"127.0.0.1:{server.port} refused the login: 535 5.7.8 Wrong user or password"
    assert (failed.outcome.kind, failed.outcome.scope, failed.outcome.phase) == (
        Kind.REJECTED,
        Scope.ACCOUNT,
        Phase.LOGIN,
    )
    assert len(server.said("AUTH")) == 1


@pytest.mark.parametrize("server", [SmtpServer(), SmtpServer(login=LOGIN, auth_methods="XOAUTH2")], ids=["no", "other"])
async def test_it_tells_where_there_is_no_way_to_log_in(server: SmtpServer) -> None:
    with server:
        failed = await failure(entry(server, user=USER, password=PASSWORD))
    assert str(failed) == f"127.0.0.1:{server.port} offers no way to log in that we know"
    assert (failed.outcome.kind, failed.outcome.scope) == (Kind.REJECTED, Scope.ACCOUNT)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_it_tells_of_a_refused_connection(host: str) -> None:
    server = Server(host, free_port())
    failed = await failure(server)
    assert str(failed) == f"Connection refused by {host}:{server.port}"
    assert (failed.outcome.kind, failed.outcome.scope, failed.outcome.phase) == (
        Kind.DEFERRED,
        Scope.CONNECTION,
        Phase.CONNECT,
    )


async def test_it_tells_of_an_address_that_cannot_be_reached() -> None:
    reason = str(await failure(Server("255.255.255.255", 25)))
    assert reason.removeprefix("No connection to 255.255.255.255:25: ") in (
        "Network is unreachable",
        "Permission denied",  # where the machine has a route
    )


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b"])
async def test_it_tells_of_a_name_that_is_not_known(host: str) -> None:
    assert str(await failure(Server(host, 25))) == f"The name of the mail server is not known: {host}"


@pytest.mark.parametrize(
    ("behaviour", "reason", "phase"),
    [
        (reply_at("connect", 554, "5.7.1 Not you"), "refused the connection: 554 5.7.1 Not you", Phase.CONNECT),
        (reply_421_at("connect"), "refused the connection: 421 4.3.2 Service shutting down", Phase.CONNECT),
        (reply_421_at("hello"), "refused the connection: 421 4.3.2 Service shutting down", Phase.HELLO),
        (close_at("connect"), "closed the connection", Phase.CONNECT),
        (close_at("hello"), "closed the connection", Phase.HELLO),
        (garbage_at("connect"), "does not speak SMTP as it should: Malformed SMTP response line", Phase.CONNECT),
        (say_more_after("hello", "421 4.3.2 Bye"), "said more than it was asked", Phase.HELLO),
    ],
)
async def test_it_tells_what_the_server_did(behaviour: Behaviour, reason: str, phase: Phase) -> None:
    with SmtpServer(behaviour) as server:
        failed = await failure(entry(server))
    assert str(failed).startswith(f"127.0.0.1:{server.port} {reason}")
    assert (failed.outcome.kind, failed.outcome.scope, failed.outcome.phase) == (
        Kind.DEFERRED,
        Scope.CONNECTION,
        phase,
    )


@pytest.mark.parametrize("stage", ["connect", "hello"])
async def test_it_does_not_wait_for_ever(stage: Any) -> None:
    with SmtpServer(silent_at(stage)) as server:
        failed = await failure(entry(server, timeout=0.05))
    assert str(failed) == f"No answer from 127.0.0.1:{server.port} within 0.05 seconds"


async def test_it_leaves_nothing_of_aiosmtplib_on_the_connection() -> None:
    """Once taken over, only our channel hears of the end; no exception of a forgotten protocol turns up."""
    with SmtpServer() as server:
        channel = await open_connection(entry(server))
        gc.collect()
        await server.hang_up()
        outcome = await deliver(channel, envelope(), Gate())
        assert not channel.is_usable
        await channel.quit()
    gc.collect()
    assert (outcome.kind, outcome.scope) == (Kind.DEFERRED, Scope.CONNECTION)


def test_it_hides_the_password() -> None:
    assert PASSWORD not in repr(Server("mail.example.com", 587, USER, PASSWORD))


@pytest.fixture
def smtp_settings(settings: Any) -> Any:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "mail.example.com", 587
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = USER, PASSWORD
    settings.EMAIL_USE_TLS, settings.EMAIL_USE_SSL, settings.EMAIL_TIMEOUT = False, False, 30
    return settings


@pytest.mark.parametrize(
    ("use_tls", "use_ssl", "tls"), [(False, False, "none"), (True, False, "starttls"), (False, True, "implicit")]
)
def test_it_reads_the_server_from_the_settings(use_tls: bool, use_ssl: bool, tls: Any, smtp_settings: Any) -> None:
    smtp_settings.EMAIL_USE_TLS, smtp_settings.EMAIL_USE_SSL = use_tls, use_ssl
    assert server_from_settings() == Server("mail.example.com", 587, USER, PASSWORD, tls, 30)


async def test_it_says_when_there_is_no_server(smtp_settings: Any) -> None:
    smtp_settings.EMAIL_HOST = ""
    assert server_from_settings() is None
    with pytest.raises(ConnectFailed, match="EMAIL_HOST is empty") as caught:
        await transport_from_settings().open()
    assert caught.value.outcome.scope is Scope.CONNECTION


async def test_it_sends_by_smtp_where_the_settings_say_so(smtp_settings: Any) -> None:
    with SmtpServer(login=LOGIN) as server:
        smtp_settings.EMAIL_HOST, smtp_settings.EMAIL_PORT = "127.0.0.1", server.port
        transport = transport_from_settings()
        connection = await transport.open()
        outcome = await deliver(connection, envelope(), Gate())
        await connection.quit()
    assert outcome.kind is Kind.ACCEPTED
    assert not transport.breaker.is_open


# Django's other backends.

BODY = b"Message-ID: <1@example.com>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\n.Good morning\r\n"


async def test_it_gives_the_composed_bytes_to_another_backend(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    gate = Gate()
    connection = await transport_from_settings().open()
    outcome = await deliver(connection, envelope(content=BODY), gate)
    assert connection.is_usable
    await connection.quit()
    (sent,) = mail.outbox
    message: Any = sent.message()
    assert message.as_bytes(linesep="\r\n") == BODY
    assert (sent.recipients(), sent.from_email) == (["ann@example.com"], "news@example.com")
    assert (outcome.kind, outcome.reply_code, outcome.is_charged, gate.asked) == (Kind.ACCEPTED, None, True, 1)
    assert settings.EMAIL_BACKEND in outcome.server_response


async def test_it_writes_the_composed_bytes_to_files(settings: Any, tmp_path: Path) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)
    connection = await transport_from_settings().open()
    await deliver(connection, envelope(content=BODY), Gate())
    assert content_of_the_file_in(tmp_path).startswith(BODY.replace(b"\r\n", b"\n"))


def content_of_the_file_in(folder: Path) -> bytes:
    (file,) = folder.iterdir()
    return file.read_bytes()


async def test_it_prints_the_composed_mail(settings: Any, capsys: pytest.CaptureFixture[str]) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    connection = await transport_from_settings().open()
    await deliver(connection, envelope(content=BODY), Gate())
    assert capsys.readouterr().out.startswith(BODY.decode().replace("\r\n", "\n"))


async def test_it_withholds_from_another_backend_too(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    connection = await transport_from_settings().open()
    outcome = await deliver(connection, envelope(), Gate(is_open=False))
    assert (outcome.kind, outcome.is_charged) == (Kind.WITHHELD, False)
    assert mail.outbox == []


async def test_it_defers_what_a_backend_fails_at(settings: Any, tmp_path: Path) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "mails")
    connection = await transport_from_settings().open()
    (tmp_path / "mails").rmdir()
    outcome = await deliver(connection, envelope(), Gate())
    assert (outcome.kind, outcome.scope) == (Kind.DEFERRED, Scope.CONNECTION)
    assert "No such file or directory" in outcome.server_response


class Courier(BaseEmailBackend):
    """Somebody's own backend: what it takes, or how it fails, is in the address."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        if email_messages[0].to == ["lost@example.com"]:
            raise ConnectionResetError("cut off")
        return 0


@pytest.mark.parametrize(("rcpt_to", "kind"), [("lost@example.com", Kind.UNCERTAIN), ("a@example.com", Kind.DEFERRED)])
async def test_what_another_backend_may_have_taken_is_uncertain(settings: Any, rcpt_to: str, kind: Kind) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.Courier"
    connection = await transport_from_settings().open()
    outcome = await deliver(connection, envelope(rcpt_to), Gate())
    assert outcome.kind is kind
