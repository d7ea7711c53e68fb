"""Which files mail servers refuse, since they can run programs: by their names, by what they hold, in archives too."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from io import BytesIO

from django.utils.translation import gettext as _

# What Gmail refuses by its name, in archives too; what else Windows runs; and documents that hold macros.
_GMAIL = """
ade adp apk appx appxbundle bat cab chm cmd com cpl diagcab diagcfg diagpkg dll dmg ex ex_ exe hta img ins iso
isp jar jnlp js jse lib lnk mde mjs msc msi msix msixbundle msp mst nsh pif ps1 reg scr sct sh shb sys vb vbe
vbs vhd vhdx vxd wsc wsf wsh xll
"""
_WINDOWS = """
application appref-ms gadget inf library-ms msh msh1 msh1xml msh2 msh2xml mshxml ps1xml ps2 ps2xml psc1 psc2 psm1
scf search-ms searchconnector-ms settingcontent-ms ws
"""
_MACROS = "docm dotm potm ppam ppsm pptm sldm xlam xlsm xltm"
_BROWSER = "htm html mhtml shtml svg svgz swf url xht xhtml"  # what runs scripts once it is opened in one
PROGRAM_KINDS = frozenset(f"{_GMAIL} {_WINDOWS} {_MACROS}".split())
DANGEROUS = PROGRAM_KINDS | frozenset(_BROWSER.split())
COMPRESSED = frozenset({"gz", "bz2", "xz", "z", "br", "zst", "lzma"})  # one file, of the kind before that in its name
PROGRAMS = (b"\x7fELF", b"#!", b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa")  # what one begins with
NEW_HEADERS = (b"PE\0\0", b"NE", b"LE", b"LX")

MOST_MEMBERS = 20_000
MOST_BYTES_WITHIN = 30 * 1024 * 1024  # of archives within one, unpacked
READABLE = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # the others may unpack any amount at a time


class _Opaque(Exception):
    """An archive that can't be looked through."""


def dangerous_in(name: str, data: bytes) -> str | None:
    """What is dangerous: the file's own kind, or a file within the archive that it is; None where nothing is."""
    if (extension := _extension(name)) in DANGEROUS:
        return f".{extension}"
    if data.startswith(PROGRAMS) or _is_windows_program(data):
        return _("programs")
    try:
        found = (_program_kind(inner) for inner in [name, *_names_within(data)])
        return next((f".{kind}" for kind in found if kind), None)
    except _Opaque:
        return _("archives that can't be looked through")


def _extension(name: str) -> str:
    return name.rstrip(". ").rpartition(".")[2].strip().lower() if "." in name else ""


def _program_kind(name: str) -> str:
    """The extension that makes it a program, compressed or not; empty where none does."""
    while (extension := _extension(name)) in COMPRESSED:
        name = name.rpartition(".")[0]
    return extension if extension in PROGRAM_KINDS else ""


def _is_windows_program(data: bytes) -> bool:
    """Whether there is a program's header where the one of DOS says it is; a text may begin with MZ."""
    at = int.from_bytes(data[0x3C:0x40], "little")
    return data[:2] in (b"MZ", b"ZM") and 0 < at < len(data) and data.startswith(NEW_HEADERS, at)


def _names_within(data: bytes) -> list[str]:
    """The names in a ZIP archive, which office documents are too, and in the archives within it. Raises _Opaque."""
    archive = _opened(data)
    if archive is None:
        return []
    names = archive.namelist()
    for inner in _archives_within(archive):
        names += inner.namelist()
        if len(names) > MOST_MEMBERS:
            raise _Opaque
    return names


def _opened(data: bytes) -> zipfile.ZipFile | None:
    """The archive, wherever it begins. Raises _Opaque where it has too many files."""
    if not zipfile.is_zipfile(BytesIO(data)):
        return None
    try:
        archive = zipfile.ZipFile(BytesIO(data))
    except Exception:  # whatever a broken archive raises: it is then no archive that could be opened
        return None
    if len(archive.infolist()) > MOST_MEMBERS:
        raise _Opaque
    return archive


def _archives_within(archive: zipfile.ZipFile) -> Iterator[zipfile.ZipFile]:
    """Those that are named so, or begin so. Raises _Opaque where it can't read one, or has read too much."""
    left = MOST_BYTES_WITHIN
    for member in archive.infolist():
        if member.is_dir() or not (_extension(member.filename) == "zip" or _beginning(archive, member) == b"PK\3\4"):
            continue
        data = _read(archive, member, left + 1)
        left -= len(data)
        if left < 0:
            raise _Opaque
        inner = _opened(data)
        if inner is not None:
            yield inner


def _beginning(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    try:
        return _read(archive, member, 4)
    except _Opaque:  # nothing says that it is an archive
        return b""


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most: int) -> bytes:
    """At most so many bytes of it. Raises _Opaque where they can't be read: it is broken, or has a password."""
    if member.compress_type not in READABLE:
        raise _Opaque
    try:
        with archive.open(member) as opened:
            return opened.read(most)
    except Exception as broken:
        raise _Opaque from broken
