"""Files that people attach: what may go with a mail, under which name, as what."""

from __future__ import annotations

import mimetypes
import re
import unicodedata
import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

MOST_FILES = 10
MOST_BYTES = 10 * 1024 * 1024  # of all files of a message together
LONGEST_NAME = 150

# What Gmail refuses by its name, in archives too; and what runs scripts once it is opened in a browser.
_GMAIL = """
ade adp apk appx appxbundle bat cab chm cmd com cpl diagcab diagcfg diagpkg dll dmg ex ex_ exe hta img ins iso
isp jar jnlp js jse lib lnk mde mjs msc msi msix msixbundle msp mst nsh pif ps1 reg scr sct sh shb sys vb vbe
vbs vhd vhdx vxd wsc wsf wsh xll
"""
_BROWSER = "htm html mhtml shtml svg svgz swf url xht xhtml"
PROGRAM_KINDS = frozenset(_GMAIL.split())
DANGEROUS = PROGRAM_KINDS | frozenset(_BROWSER.split())
PROGRAMS = (b"MZ", b"\x7fELF", b"#!", b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa")  # what one begins with
PICTURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}
INVISIBLE = {"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"}  # controls, and those that turn a name's direction round


class FileRefused(ValueError):
    """A file that can't go with the message; its text says which, and why."""


@dataclass(frozen=True)
class CleanFile:
    name: str
    content_type: str
    data: bytes

    @property
    def is_picture(self) -> bool:
        """Whether it can be shown within the HTML."""
        return self.content_type in {*PICTURES.values(), "image/webp"}


def clean_file(upload: UploadedFile[Any]) -> CleanFile:
    """Raises FileRefused, for its kind, its size, or because it is empty. Not read before its size is known."""
    name = clean_name(upload.name or "")
    if not upload.size:
        raise FileRefused(_("“%(name)s” is empty.") % {"name": name})
    if upload.size > MOST_BYTES:
        raise FileRefused(
            _("“%(name)s” has %(size)s: all files of a message together may have %(most)s.")
            % {"name": name, "size": filesizeformat(upload.size), "most": filesizeformat(MOST_BYTES)}
        )
    data = upload.read()
    if (found := dangerous_in(name, data)) is not None:
        raise FileRefused(
            _("“%(name)s” can't be attached: mail servers refuse files like %(found)s, since they can run programs.")
            % {"name": name, "found": found}
        )
    return CleanFile(name, content_type_of(name, data), data)


def clean_name(name: str) -> str:
    """The file's name without folders, controls, or what Windows overlooks at its end; with its extension."""
    name = "".join(
        " " if letter.isspace() else letter
        for letter in name
        if letter.isspace() or unicodedata.category(letter) not in INVISIBLE
    )
    name = re.split(r"[/\\]", name)[-1]
    name = re.sub(r'[<>:"|?*]', "_", " ".join(name.split())).strip(". ")
    extension = PurePosixPath(name).suffix[:20]
    stem = name.removesuffix(extension) if extension else name
    return f"{stem[: LONGEST_NAME - len(extension)]}{extension}" or "file"


def dangerous_in(name: str, data: bytes) -> str | None:
    """What is dangerous: the file's own kind, or a file within the archive that it is; None where nothing is."""
    if (extension := _extension(name)) in DANGEROUS:
        return f".{extension}"
    if data.startswith(PROGRAMS):
        return _("programs")
    return next((f".{found}" for inner in _names_within(data) if (found := _extension(inner)) in PROGRAM_KINDS), None)


def content_type_of(name: str, data: bytes) -> str:
    """By what it holds where that is a picture, else by its name; never a type that a browser would run."""
    for beginning, picture in PICTURES.items():
        if data.startswith(beginning):
            return picture
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    guessed = mimetypes.guess_type(name)[0] or ""
    if re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", guessed) and not guessed.startswith(("image/", "message/", "multipart/")):
        return guessed
    return "application/octet-stream"


def _extension(name: str) -> str:
    return name.rpartition(".")[2].strip().lower() if "." in name else ""


def _names_within(data: bytes) -> list[str]:
    """The names in a ZIP archive, which office documents are too."""
    if not data.startswith(b"PK"):
        return []
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            return archive.namelist()
    except Exception:  # whatever a broken archive raises: it is then no archive that could be opened
        return []
