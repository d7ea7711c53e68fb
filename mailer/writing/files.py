"""Files that people attach: what may go with a mail, under which name, as what."""

from __future__ import annotations

import mimetypes
import re
import unicodedata
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from mailer.writing.dangers import dangerous_in

MOST_FILES = 10
MOST_BYTES = 10 * 1024 * 1024  # of all files of a message together
LONGEST_NAME = 150

PICTURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}
COMPRESSED_TYPES = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}
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


def content_type_of(name: str, data: bytes) -> str:
    """By what it holds where that is a picture, else by its name; never a type that a browser would run."""
    for beginning, picture in PICTURES.items():
        if data.startswith(beginning):
            return picture
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    guessed, encoding = mimetypes.guess_type(name)
    if encoding is not None:
        return COMPRESSED_TYPES.get(encoding, "application/octet-stream")
    guessed = guessed or ""
    if re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", guessed) and not guessed.startswith(("image/", "message/", "multipart/")):
        return guessed
    return "application/octet-stream"
