"""The site's own mails go out on threads of their own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.core import mail
from django.core.asgi import get_asgi_application
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from asgi_project.lifespan import with_lifespan
from core import outgoing
from tests.support.servers import free_port

SECRET = "https://mail.example.org/account/password/reset/key/1-secret/"
gate = threading.Event()
at_the_gate = threading.Semaphore(0)  # how many mails are on their way


class GatedBackend(BaseEmailBackend):
    """A mail server that takes its time: until the gate is open."""

    def send_messages(self, messages: Any) -> int:
        at_the_gate.release()
        assert gate.wait(30)
        mail.outbox.extend(messages)
        return len(messages)


@pytest.fixture
def closed_gate(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """With nothing in the queue: a mail of the test before leaves it a moment after it was sent."""
    settings.EMAIL_BACKEND = f"{__name__}.GatedBackend"
    monkeypatch.setattr(outgoing, "_waiting", set())
    gate.clear()
    while at_the_gate.acquire(blocking=False):
        continue
    yield
    gate.set()
    assert outgoing.flush()


def message() -> EmailMessage:
    return EmailMessage("Set a new password", SECRET, to=["owner@example.com"])


def test_a_slow_mail_server_keeps_nobody_waiting(closed_gate: None) -> None:
    outgoing.post(message())
    assert mail.outbox == []
    assert not outgoing.flush(0.01)
    gate.set()
    assert outgoing.flush()
    assert len(mail.outbox) == 1


def test_the_queue_has_an_end(closed_gate: None, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    monkeypatch.setattr(outgoing, "LONGEST_QUEUE", 3)
    for _ in range(5):
        outgoing.post(message())
    gate.set()
    assert outgoing.flush()
    assert len(mail.outbox) == 3
    assert caplog.text.count("was dropped") == 2


def test_the_end_of_the_process_waits_for_what_is_on_its_way_and_gives_up_the_rest(
    closed_gate: None, caplog: Any
) -> None:
    for _ in range(5):
        outgoing.post(message())
    for _thread in range(2):
        assert at_the_gate.acquire(timeout=30)
    outgoing.drain(0.01)
    assert "3 mails of the site were not sent" in caplog.text
    gate.set()
    assert outgoing.flush()
    assert len(mail.outbox) == 2


async def test_the_web_process_ends_after_its_mails_are_sent(closed_gate: None) -> None:
    messages = iter(["lifespan.startup", "lifespan.shutdown"])
    said: list[str] = []

    async def receive() -> Any:
        kind = next(messages)
        if kind == "lifespan.shutdown":
            outgoing.post(message())
            threading.Timer(0.05, gate.set).start()
        return {"type": kind}

    async def send(event: Any) -> None:
        said.append(event["type"])

    scope: Any = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
    await with_lifespan(get_asgi_application())(scope, receive, send)  # type: ignore[arg-type]
    assert said[-1] == "lifespan.shutdown.complete"
    assert len(mail.outbox) == 1


def test_a_failure_is_logged_without_what_is_secret(settings: Any, caplog: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    settings.EMAIL_HOST_PASSWORD = "hunter2"
    outgoing.post(message())
    assert outgoing.flush()
    assert "could not be sent: ConnectionRefusedError" in caplog.text
    for secret in ("hunter2", "secret", "owner@example.com"):
        assert secret not in caplog.text
