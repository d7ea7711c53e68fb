from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from core.models import User
from mailer.models import Recipient
from tests.support.mailings import make_recipients

pytestmark = pytest.mark.django_db

PAGE = "/recipients/import/"


@pytest.fixture
def recipient(owner: User) -> Recipient:
    return make_recipients(owner, "ana@example.com")[0]


def test_it_imports_a_file_and_reports_each_row(page: Client, recipient: Recipient) -> None:
    file = SimpleUploadedFile("list.csv", b"email,name\nana@example.com,Anna\nbob@example.com,Bob\n<b>broken</b>,x\n")
    shown = page.post(PAGE, {"file": file})
    report = shown.context["report"]
    assert (report.added, report.updated, len(report.invalid)) == (1, 1, 1)
    assert "&lt;b&gt;broken" in shown.content.decode()


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({}, "one of the two"),
        ({"pasted": "ana@example.com", "file": True}, "one of the two"),
        ({"file": "имя".encode("cp1251")}, "not in UTF-8"),
    ],
)
def test_an_import_that_cannot_be_read_says_why(page: Client, fields: dict[str, object], complaint: str) -> None:
    if file := fields.get("file"):
        fields = fields | {"file": SimpleUploadedFile("list.csv", file if isinstance(file, bytes) else b"a@b.example")}
    shown = page.post(PAGE, fields)
    assert complaint in shown.content.decode()
    assert shown.context["form"]["pasted"].value() == fields.get("pasted")
    assert not Recipient.objects.exists()


def test_it_imports_a_file_that_lies_on_the_disk(page: Client, settings: Any) -> None:
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 10
    page.post(PAGE, {"file": SimpleUploadedFile("list.csv", "ana@example.com,Anna\r\nzoë@example.com,Zoë".encode())})
    assert list(Recipient.objects.order_by("pk").values_list("full_name", flat=True)) == ["Anna", "Zoë"]


def test_of_two_fields_of_which_one_is_needed_neither_is_called_optional(page: Client) -> None:
    assert "(optional)" not in page.get(PAGE).content.decode()
    assert page.get("/suppressions/add/").content.decode().count("(optional)") == 2  # the reason and the note


def test_it_imports_what_is_pasted(page: Client) -> None:
    page.post(PAGE, {"pasted": "ana@example.com;Ana\n"})
    assert Recipient.objects.get().full_name == "Ana"


def test_it_is_empty_again_when_all_went_in_and_keeps_the_text_when_not(page: Client) -> None:
    good, bad = "ana@example.com\n", "bob@example.com\nnobody@\n"
    assert page.post(PAGE, {"pasted": good}).context["form"]["pasted"].value() is None
    shown = page.post(PAGE, {"pasted": bad})
    assert [(row.line, row.text) for row in shown.context["report"].invalid] == [(2, "nobody@")]
    assert shown.context["form"]["pasted"].value() == bad


def test_a_text_that_cannot_be_read_is_kept(page: Client) -> None:
    shown = page.post(PAGE, {"pasted": "  \0"})
    assert shown.status_code == 200
    assert shown.context["form"].errors["pasted"]
    assert shown.context["form"]["pasted"].value() == "  \0"


def test_a_file_that_is_too_large_is_not_read(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailer.forms.recipients.LARGEST_FILE", 2 * 1024 * 1024)
    shown = page.post(PAGE, {"file": SimpleUploadedFile("list.csv", b"a" * (2 * 1024 * 1024 + 1))})
    assert shown.context["form"].errors["file"] == ["The file is larger than 2 MB."]
    assert shown.context["report"] is None


def test_it_imports_for_the_one_who_does_it(page: Client, stranger: User, owner: User) -> None:
    theirs = make_recipients(stranger, "ana@example.com")[0]
    page.post(PAGE, {"pasted": "ana@example.com,Anna\n"})
    theirs.refresh_from_db()
    assert theirs.full_name == "Ana"
    assert Recipient.objects.get(owner=owner).full_name == "Anna"


def test_a_visitor_is_asked_to_sign_in(client: Client) -> None:
    assert client.get(PAGE)["Location"] == f"/account/login/?next={PAGE}"
    assert client.post(PAGE, {"pasted": "ana@example.com"}).status_code == 403
    assert not Recipient.objects.exists()
