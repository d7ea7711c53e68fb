"""What somebody deletes while somebody else takes it up: one of the two comes first, and the other is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from core.models import User
from mailer.locks import locked_message
from mailer.models import Attachment, Mailing, Message, Recipient
from mailer.writing.attaching import detach
from tests.support.mailings import make_mailing, make_recipients
from tests.support.waiting import committed_once_somebody_waits, with_many_writers

pytestmark = [pytest.mark.django_db(transaction=True), with_many_writers]

MESSAGE = ["/messages/{}/delete/", "/admin/mailer/message/{}/delete/"]
WINDOW = {"starts_at": "2031-01-01T09:00", "ends_at": "2031-01-02T09:00"}
IN_ADMIN = {"starts_at_0": "2031-01-01", "starts_at_1": "09:00", "ends_at_0": "2031-01-02", "ends_at_1": "09:00"}


@pytest.fixture
def message(superuser: User) -> Message:
    return Message.objects.create(owner=superuser, subject="News", body="Hello")


@pytest.fixture
def mailing(superuser: User) -> Mailing:
    make_recipients(superuser, "ana@example.com", "ben@example.com")
    mailing = make_mailing(superuser)
    Mailing.objects.update(everyone=False)
    return mailing


@pytest.fixture
def page(superuser: User) -> Client:
    client = Client()
    client.force_login(superuser)
    return client


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


@pytest.mark.parametrize("address", MESSAGE, ids=["page", "admin"])
def test_a_message_that_a_mailing_takes_up_stays(message: Message, page: Client, address: str) -> None:
    def take_up() -> None:
        held = Message.objects.select_for_update(no_key=True).get()
        now = held.created_at
        Mailing.objects.create(owner=held.owner, message=held, starts_at=now, ends_at=now + timedelta(hours=1))

    with committed_once_somebody_waits(take_up):
        response = page.post(address.format(message.pk), {"post": "yes"}, follow=True)
    said = text_of(response)
    assert "It cannot be deleted while drafts use it" in said or "Cannot delete message" in said
    assert Mailing.objects.get().message == message


@pytest.mark.parametrize(
    ("address", "values"),
    [
        ("/mailings/new/", {"audience": "everyone", **WINDOW}),
        ("/admin/mailer/mailing/add/", {"everyone": "on", **IN_ADMIN}),
    ],
    ids=["page", "admin"],
)
def test_a_message_that_is_gone_is_no_choice(
    message: Message, superuser: User, page: Client, address: str, values: dict[str, Any]
) -> None:
    Message.objects.create(owner=superuser, subject="Another", body="Hello")
    with committed_once_somebody_waits(Message.objects.filter(pk=message.pk).delete):
        response = page.post(address, values | {"message": message.pk, "owner": superuser.pk})
    assert response.status_code == 200
    assert "Select a valid choice" in text_of(response)
    assert not Mailing.objects.exists()


@pytest.mark.parametrize("address", ["/messages/{}/attachments/", "/messages/{}/edit/"])
def test_files_for_a_message_that_is_gone_go_nowhere(message: Message, page: Client, address: str) -> None:
    form = {"files": SimpleUploadedFile("a.txt", b"Hello"), "subject": "News", "kind": "text", "body": "Hello"}
    with committed_once_somebody_waits(Message.objects.filter(pk=message.pk).delete):
        response = page.post(address.format(message.pk), form)
    assert response.status_code in (404, 409)
    assert not Attachment.objects.exists()


@pytest.mark.parametrize("address", MESSAGE, ids=["page", "admin"])
def test_a_message_whose_file_is_removed_meanwhile_is_deleted_after_it(
    message: Message, page: Client, address: str
) -> None:
    file = Attachment.objects.create(message=message, name="a.txt", content_type="text/plain", size=1, data=b"x")
    with committed_once_somebody_waits(lambda: locked_message(message.pk), then=lambda: detach(message.pk, file.pk)):
        assert page.post(address.format(message.pk), {"post": "yes"}).status_code == 302
    assert not Message.objects.exists()


def test_there_is_no_copy_of_a_message_that_is_gone(message: Message, page: Client) -> None:
    with committed_once_somebody_waits(Message.objects.filter(pk=message.pk).delete):
        assert page.post(f"/messages/{message.pk}/duplicate/").status_code == 404
    assert not Message.objects.exists()


@pytest.mark.parametrize("act", ["add", "add_all"])
def test_who_is_deleted_is_not_chosen_and_the_others_are(mailing: Mailing, page: Client, act: str) -> None:
    ana, ben = Recipient.objects.order_by("pk")
    with committed_once_somebody_waits(Recipient.objects.filter(pk=ana.pk).delete):
        response = page.post(
            f"/mailings/{mailing.pk}/audience/", {"act": act, "recipient": [ana.pk, ben.pk]}, follow=True
        )
    assert "1 recipient added." in text_of(response)
    assert list(mailing.recipients.all()) == [ben]


def test_a_duplicate_goes_to_who_is_left(mailing: Mailing, page: Client) -> None:
    ana, ben = Recipient.objects.order_by("pk")
    mailing.recipients.set([ana, ben])
    with committed_once_somebody_waits(Recipient.objects.filter(pk=ana.pk).delete):
        assert page.post(f"/mailings/{mailing.pk}/duplicate/").status_code == 302
    assert list(Mailing.objects.latest("pk").recipients.all()) == [ben]


def test_there_is_no_duplicate_of_what_is_gone(mailing: Mailing, page: Client) -> None:
    def delete_both() -> None:
        Mailing.objects.all().delete()
        Message.objects.all().delete()

    with committed_once_somebody_waits(delete_both):
        assert page.post(f"/mailings/{mailing.pk}/duplicate/").status_code == 404
    assert not Mailing.objects.exists()


@pytest.mark.parametrize(
    ("address", "form"),
    [
        ("/mailings/{}/audience/", {"act": "add_all"}),
        ("/mailings/{}/schedule/", {}),
        ("/mailings/{}/unschedule/", {}),
        ("/mailings/{}/delete/", {}),
    ],
)
def test_a_mailing_that_is_gone_is_not_found(
    mailing: Mailing, page: Client, address: str, form: dict[str, str]
) -> None:
    with committed_once_somebody_waits(Mailing.objects.filter(pk=mailing.pk).delete):
        assert page.post(address.format(mailing.pk), form).status_code == 404
