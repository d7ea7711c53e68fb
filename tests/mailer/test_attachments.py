"""The files of a message: added, refused, shown, downloaded, removed, copied, frozen."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from core.models import User
from mailer.delivery.transitions import change_status
from mailer.models import Attachment, FrozenAttachment, Message
from mailer.writing.addresses import picture_addresses, picture_at
from tests.support.mailings import make_mailing, make_recipients

pytestmark = pytest.mark.django_db

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 20
TYPED = {"subject": "Hi", "kind": "html", "body": '<img src="cid:logo@inline">{{ unsubscribe_url }}'}


@pytest.fixture
def message(owner: User) -> Message:
    return Message.objects.create(owner=owner, **TYPED)


def upload(page: Client, message: Message, *files: tuple[str, bytes]) -> Any:
    sent = [SimpleUploadedFile(name, data) for name, data in files]
    return page.post(f"/messages/{message.pk}/attachments/", {"files": sent, "fragment": "1"})


def names() -> list[str]:
    return list(Attachment.objects.order_by("pk").values_list("name", flat=True))


def test_it_shows_name_type_and_size(page: Client, message: Message) -> None:
    content = upload(page, message, ("logo.png", PNG), ("report.pdf", b"%PDF" + b"x" * 2044)).content.decode()
    assert "logo.png" in content
    assert "image/png · 28\xa0bytes" in content
    assert "application/pdf · 2.0\xa0KB" in content
    assert "cid:logo@inline" in content
    assert "report.pdf" in page.get(f"/messages/{message.pk}/").content.decode()


def test_pictures_have_names_of_their_own(page: Client, message: Message) -> None:
    upload(page, message, ("logo.png", PNG), ("Logo.PNG", PNG), ("%$.png", PNG), ("a.pdf", b"x"))
    ids = Attachment.objects.order_by("pk").values_list("content_id", flat=True)
    assert list(ids) == ["logo@inline", "logo-2@inline", "picture@inline", ""]


def test_what_is_refused_is_told_and_the_others_are_in(page: Client, message: Message) -> None:
    content = upload(page, message, ("a.pdf", b"x"), ("virus.exe", b"x"), ("b.pdf", b"x")).content.decode()
    assert "“virus.exe” can&#x27;t be attached" in content
    assert names() == ["a.pdf", "b.pdf"]


def test_it_takes_ten_files_and_ten_megabytes(page: Client, message: Message) -> None:
    told = upload(page, message, *((f"{n}.txt", b"x") for n in range(11))).content.decode()
    assert "“10.txt” is one too many: a message has up to 10 files." in told
    assert len(names()) == 10
    Attachment.objects.all().delete()
    upload(page, message, ("a.bin", b"x" * 6_000_000))
    told = upload(page, message, ("b.bin", b"x" * 6_000_000)).content.decode()
    assert "“b.bin” does not fit in" in told
    assert "11.4\xa0MB" in told
    assert names() == ["a.bin"]


def test_they_may_come_with_the_first_save(page: Client, owner: User) -> None:
    files = [SimpleUploadedFile("a.pdf", b"x"), SimpleUploadedFile("b.exe", b"x")]
    response = page.post("/messages/new/", TYPED | {"files": files}, follow=True)
    message = Message.objects.get()
    assert response.redirect_chain == [(f"/messages/{message.pk}/edit/", 302)]
    assert "“b.exe” can&#x27;t be attached" in response.content.decode()
    assert names() == ["a.pdf"]


def test_a_message_that_can_t_be_saved_says_so_of_its_files(page: Client) -> None:
    file = SimpleUploadedFile("a.pdf", b"x")
    response = page.post("/messages/new/", TYPED | {"body": "{{ x", "files": [file]})
    assert "choose them again" in response.content.decode()
    assert response.context["form"]["subject"].value() == "Hi"
    assert not Message.objects.exists()


def test_it_is_downloaded_and_never_opened_here(page: Client, message: Message) -> None:
    upload(page, message, ("отчёт; a.png", PNG))
    response = page.get(f"/messages/{message.pk}/attachments/{Attachment.objects.get().pk}/")
    assert response.content == PNG
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"].startswith("attachment; filename*=UTF-8''%D0%BE")
    assert response["X-Content-Type-Options"] == "nosniff"


def test_it_is_removed(page: Client, message: Message) -> None:
    upload(page, message, ("a.pdf", b"x"))
    page.post(f"/messages/{message.pk}/attachments/{Attachment.objects.get().pk}/remove/")
    assert names() == []


def test_a_manager_reads_and_changes_nothing(manager: User, page: Client, message: Message) -> None:
    upload(page, message, ("a.pdf", b"x"))
    path = f"/messages/{message.pk}/attachments/{Attachment.objects.get().pk}/"
    page.force_login(manager)
    assert page.get(path).status_code == 200
    assert "Remove" not in page.get(f"/messages/{message.pk}/").content.decode()
    assert page.post(f"{path}remove/").status_code == 404
    assert upload(page, message, ("b.pdf", b"x")).status_code == 404
    assert names() == ["a.pdf"]


def test_a_picture_is_shown_by_its_signed_address_for_a_day(page: Client, message: Message) -> None:
    upload(page, message, ("logo.png", PNG))
    today = timezone.localdate()
    (address,) = picture_addresses(Attachment.objects.all(), today).values()
    response = Client().get(address)
    assert (response.content, response["Content-Type"]) == (PNG, "image/png")
    assert response["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    token = address.split("/")[-2]
    forged = token[:-2] + ("AB" if token[-2:] != "AB" else "BA")
    assert Client().get(address.replace(token, forged)).status_code == 404
    assert picture_at(token, today + timedelta(days=1)).get() == Attachment.objects.get()
    assert not picture_at(token, today + timedelta(days=2)).exists()
    assert not picture_at("1.1:x", today).exists()


def test_a_copy_of_the_message_has_them_too(page: Client, owner: User, message: Message) -> None:
    upload(page, message, ("logo.png", PNG), ("a.pdf", b"%PDF"))
    page.post(f"/messages/{message.pk}/duplicate/")
    copy = Message.objects.exclude(pk=message.pk).get()
    assert (copy.subject, copy.kind, copy.body) == (message.subject, message.kind, message.body)
    kept = [(one.name, one.content_id, bytes(one.data)) for one in copy.attachments.order_by("pk")]
    assert kept == [("logo.png", "logo@inline", PNG), ("a.pdf", "", b"%PDF")]


def test_they_are_frozen_at_launch(page: Client, owner: User, message: Message) -> None:
    upload(page, message, ("logo.png", PNG), ("unused.png", PNG), ("a.pdf", b"%PDF"))
    make_recipients(owner, "ana@example.com")
    mailing = make_mailing(owner)
    mailing.message = message
    mailing.save()
    change_status(mailing.pk, "start", owner)
    Attachment.objects.all().delete()
    frozen = [
        (one.name, one.content_type, one.content_id, one.size, bytes(one.data))
        for one in FrozenAttachment.objects.filter(frozen_content=mailing.pk).order_by("pk")
    ]
    assert frozen == [
        ("logo.png", "image/png", "logo@inline", 28, PNG),
        ("unused.png", "image/png", "", 28, PNG),
        ("a.pdf", "application/pdf", "", 4, b"%PDF"),
    ]
