"""A message that is changed while a mailing with it is launched is frozen as it was before or after, never mixed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from core.models import User
from mailer.delivery.transitions import change_status
from mailer.models import FrozenAttachment, Mailing, MailingContent, Message
from mailer.writing.attaching import attach
from tests.support.mailings import make_mailing, make_recipients
from tests.support.waiting import done_and_closed, wait_until_done_or_waiting, with_many_writers

pytestmark = [pytest.mark.django_db(transaction=True), with_many_writers]

WITH_PICTURE = '<img src="cid:logo@inline">{{ unsubscribe_url }}'
WITHOUT = "<p>Hello</p>{{ unsubscribe_url }}"


@pytest.fixture
def mailing(owner: User) -> Mailing:
    make_recipients(owner, "ana@example.com")
    mailing = make_mailing(owner)
    Message.objects.update(kind="html", body=WITH_PICTURE)
    attach(mailing.message_id, [picture()])
    return mailing


@pytest.fixture
def page(owner: User) -> Client:
    client = Client()
    client.force_login(owner)
    return client


def test_what_is_edited_meanwhile_waits(mailing: Mailing, owner: User, page: Client) -> None:
    def change() -> None:
        edit(page, mailing, WITHOUT)
        remove_picture(page, mailing)

    with done_by_another_before("mailer.writing.freeze.finish", change):
        change_status(mailing.pk, "start", owner)
    assert is_frozen_whole()


def test_what_is_removed_meanwhile_waits(mailing: Mailing, owner: User, page: Client) -> None:
    with done_by_another_before("mailer.writing.freeze.finish", lambda: remove_picture(page, mailing)):
        change_status(mailing.pk, "start", owner)
    assert is_frozen_whole()


def test_a_body_comes_with_its_picture_or_not_at_all(mailing: Mailing, owner: User, page: Client) -> None:
    remove_picture(page, mailing)
    edit(page, mailing, WITHOUT)
    with done_by_another_before("mailer.views.messages.attach", lambda: change_status(mailing.pk, "start", owner)):
        edit(page, mailing, WITH_PICTURE, files=[picture()])
    assert is_frozen_whole()


def test_what_is_looked_at_before_take_off_is_what_is_frozen(mailing: Mailing, owner: User, page: Client) -> None:
    bad = Message.objects.create(owner=owner, subject="Older than a limit", body="{{ broken")
    chosen = Mailing.objects.filter(pk=mailing.pk)
    with done_by_another_before("mailer.views.preflight.complaints_about", lambda: chosen.update(message=bad)):
        page.post(f"/mailings/{mailing.pk}/start/")
    assert "broken" not in MailingContent.objects.get().body


@contextmanager
def done_by_another_before(name: str, act: Callable[[], object]) -> Iterator[None]:
    """Where the block first calls the named function, do it in another connection, unless that waits for the block."""
    module, _dot, function = name.rpartition(".")
    real = getattr(import_module(module), function)
    doing: list[Future[object]] = []

    def act_first(*args: Any) -> Any:
        if not doing:
            doing.append(other.submit(done_and_closed, act))
            wait_until_done_or_waiting(doing[0])
        return real(*args)

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(1) as other:
        patch.setattr(name, act_first)
        yield
        doing[0].result()


def picture() -> SimpleUploadedFile:
    return SimpleUploadedFile("logo.png", b"\x89PNG\r\n\x1a\n" + b"x" * 20)


def edit(page: Client, mailing: Mailing, body: str, **values: Any) -> None:
    typed = {"subject": "Hi", "kind": "html", "body": body} | values
    assert page.post(f"/messages/{mailing.message_id}/edit/", typed).status_code == 302


def remove_picture(page: Client, mailing: Mailing) -> None:
    file = mailing.message.attachments.get()
    assert page.post(f"/messages/{mailing.message_id}/attachments/{file.pk}/remove/").status_code == 302


def is_frozen_whole() -> bool:
    """Whether the picture is there exactly where the body shows it."""
    names_it = "cid:logo@inline" in MailingContent.objects.get().html
    return names_it == FrozenAttachment.objects.filter(content_id="logo@inline").exists()
