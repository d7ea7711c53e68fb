from __future__ import annotations

import tracemalloc
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


def packed(compression: int = zipfile.ZIP_STORED, **members: bytes) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", compression) as opened:
        for name, data in members.items():
            opened.writestr(name.replace("_", "."), data)
    return file.getvalue()


def program(header: bytes) -> bytes:
    return b"MZ".ljust(0x3C, b"\0") + (0x80).to_bytes(4, "little") + b"\0" * 0x40 + header


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
        ("photo.jpg", program(b"PE\0\0"), "programs"),
        ("photo.jpg", program(b"NE"), "programs"),
        ("tool", b"\x7fELF", "programs"),
        ("all.zip", archive("a.txt", "b/run.exe"), ".exe"),
        ("x.exe.gz", b"x", ".exe"),
        ("x.exe.xz.gz", b"x", ".exe"),
        ("all.zip", archive("x.exe.gz"), ".exe"),
        ("all.zip", archive("x.exe."), ".exe"),
        ("all.zip", b"x" + archive("run.exe"), ".exe"),
        ("all.zip", packed(in_zip=archive("run.exe")), ".exe"),
        ("all.zip", packed(in_dat=archive("run.exe")), ".exe"),
        ("all.zip", packed(in_zip=b"x" + archive("run.exe")), ".exe"),
        ("all.zip", packed(zipfile.ZIP_LZMA, in_zip=archive("run.exe")), "looked through"),
        ("all.zip", packed(zipfile.ZIP_DEFLATED, in_zip=b"\0" * 40_000_000), "looked through"),
        ("all.zip", archive(*(f"{n}" for n in range(20_001))), "looked through"),
        ("a.txt", b"", "empty"),
    ],
)
def test_what_is_dangerous_is_refused_with_its_reason(name: str, data: bytes, why: str) -> None:
    with pytest.raises(FileRefused, match=why):
        clean_file(SimpleUploadedFile(name, data))


REFUSED = """
scf inf psm1 ps2 ws gadget docm xlsm pptm application library-ms settingcontent-ms ade vhd xll reg
"""


@pytest.mark.parametrize("kind", REFUSED.split())
def test_what_providers_refuse_is_refused(kind: str) -> None:
    for name, data in ((f"a.{kind}", b"x"), ("a.zip", archive(f"b/a.{kind}"))):
        with pytest.raises(FileRefused, match=rf"\.{kind}"):
            clean_file(SimpleUploadedFile(name, data))


def test_little_is_unpacked_of_an_archive() -> None:
    bomb = packed(zipfile.ZIP_DEFLATED, **{f"a{n}_zip": b"\0" * 20_000_000 for n in range(20)})
    tracemalloc.start()
    with pytest.raises(FileRefused, match="looked through"):
        clean_file(SimpleUploadedFile("a.zip", bomb))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 100_000_000


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
        ("r.csv", b"MZ,1\n" * 50, "text/csv"),
        ("r.csv.gz", b"x", "application/gzip"),
        ("r.csv.bz2", b"x", "application/x-bzip2"),
        ("r.tar.xz", b"x", "application/x-xz"),
        ("r.csv.br", b"x", "application/octet-stream"),
        ("all.zip", packed(a_zip=archive("a.txt"), b_docx=archive("word/document.xml")), "application/zip"),
        ("all.zip", packed(zipfile.ZIP_DEFLATED, a_csv=b"1,2\n" * 10_000_000), "application/zip"),
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
