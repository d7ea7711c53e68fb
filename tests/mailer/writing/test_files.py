from __future__ import annotations

import zipfile
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from mailer.writing.files import MOST_BYTES, FileRefused, clean_file, clean_name

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 20


def archive(*names: str) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as opened:
        for name in names:
            opened.writestr(name, "x")
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("setup.exe", b"x", ".exe"),
        ("SETUP.EXE", b"x", ".exe"),
        ("setup.exe. ", b"x", ".exe"),
        ("photo\u202egpj.exe", b"x", ".exe"),
        ("run.bat", b"x", ".bat"),
        ("a.js", b"x", ".js"),
        ("a.scr", b"x", ".scr"),
        ("page.html", b"x", ".html"),
        ("logo.svg", b"<svg/>", ".svg"),
        ("photo.jpg", b"MZ\x90\x00", "programs"),
        ("tool", b"\x7fELF", "programs"),
        ("all.zip", archive("a.txt", "b/run.exe"), ".exe"),
        ("a.txt", b"", "empty"),
    ],
)
def test_what_is_dangerous_is_refused_with_its_reason(name: str, data: bytes, why: str) -> None:
    with pytest.raises(FileRefused, match=why):
        clean_file(SimpleUploadedFile(name, data))


def test_what_is_too_large_is_refused_unread() -> None:
    upload = SimpleUploadedFile("a.pdf", b"x")
    upload.size = MOST_BYTES + 1
    with pytest.raises(FileRefused, match=r"10\.0\sMB"):
        clean_file(upload)
    assert upload.tell() == 0


@pytest.mark.parametrize(
    ("name", "data", "content_type"),
    [
        ("a.png", PNG, "image/png"),
        ("a.txt", PNG, "image/png"),
        ("a.jpg", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("a.gif", b"GIF89a", "image/gif"),
        ("a.webp", b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        ("a.png", b"no picture", "application/octet-stream"),
        ("a.pdf", b"%PDF-1.7", "application/pdf"),
        (
            "a.docx",
            archive("word/document.xml"),
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
        ("a.eml", b"x", "application/octet-stream"),
        ("a", b"x", "application/octet-stream"),
        ("broken.zip", b"PK\x03\x04broken", "application/zip"),
    ],
)
def test_it_knows_what_a_file_is(name: str, data: bytes, content_type: str) -> None:
    assert clean_file(SimpleUploadedFile(name, data)).content_type == content_type


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ana\\a.pdf", "a.pdf"),
        ('a"\r\nBcc: x@example.com".pdf', "a_ Bcc_ x@example.com_.pdf"),
        ("отчёт  2026.pdf", "отчёт 2026.pdf"),
        ("a\0b\u200b.pdf", "ab.pdf"),
        ("...", "file"),
        ("", "file"),
        ("x" * 300 + ".pdf", "x" * 146 + ".pdf"),
    ],
)
def test_a_name_is_data(name: str, clean: str) -> None:
    assert clean_name(name) == clean
