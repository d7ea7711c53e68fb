from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from core.models import User
from mailer.mailcatcher.store import Store
from mailer.models import Attempt, Mailing, Message, Recipient
from mailer.writing.checks import check
from tests.support.mailings import counted
from tests.support.servers import free_port

pytestmark = pytest.mark.django_db(transaction=True)


def demo() -> str:
    said = StringIO()
    call_command("demo", stdout=said)
    return said.getvalue()


@pytest.fixture
def embedded(settings: Any, tmp_path: Path) -> Store:
    settings.EMBEDDED, settings.DATA_DIR = True, tmp_path
    settings.MAILCATCHER_PORT = settings.EMAIL_PORT = free_port()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_USE_TLS = "127.0.0.1", False
    return Store(tmp_path / "mailcatcher")


def test_it_shows_life_as_it_is(embedded: Store, settings: Any) -> None:
    said = demo()
    assert "500 recipients imported" in said
    assert said.count("  line ") == 5
    assert "sign in as demo@example.com, password demo" in said
    assert settings.SITE_URL in said
    assert User.objects.get(email="demo@example.com").check_password("demo")
    assert (Recipient.objects.count(), Message.objects.count()) == (500, 4)
    finished, scheduled, ready = Mailing.objects.order_by("pk")
    assert (finished.status, scheduled.status, ready.status) == ("completed", "scheduled", "draft")
    assert counted(finished) == {"sent": 40}
    assert embedded.count() == Attempt.objects.filter(status="success").count() == 40


def test_its_messages_are_as_messages_should_be(embedded: Store) -> None:
    demo()
    for message in Message.objects.all():
        checked = check(message, message.attachments.values_list("content_id", flat=True))
        assert (checked.complaints, checked.warnings) == ({}, []), message.subject


def test_a_second_time_it_only_says_how_to_sign_in(embedded: Store) -> None:
    demo()
    assert demo().count("\n") == 1
    assert Mailing.objects.count() == 3


def test_it_is_for_an_embedded_start_alone() -> None:
    with pytest.raises(CommandError, match="embedded"):
        call_command("demo")
