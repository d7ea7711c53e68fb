"""Links that lead nowhere, or are not encrypted, told by their looks: nothing is asked of the network."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlsplit

from core.loopback import is_loopback

IN_TEXT = re.compile(r"https?://[^\s<>\"']+", re.IGNORECASE)
OTHERS = {"mailto", "tel", "sms", "cid", "data"}
LOADED = {"img": "src", "a": "href", "area": "href"}
IN_CSS = re.compile(r"""\burl\(\s*+(?:"([^"]*)"|'([^']*)'|([^"'()\s]*+))\s*+\)""", re.IGNORECASE)
HOST = re.compile(r"[^\s/]+\.[^\s/.]{2,}")


@dataclass
class Links:
    """Each address once, in their order."""

    broken: list[str] = field(default_factory=list)
    unencrypted: list[str] = field(default_factory=list)


def links_in(text: str, html: str, ours: str) -> Links:
    """Of a mail that is filled in. `ours`, the site's own address, is what its links to unsubscribe begin with."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    links = Links()
    for address in dict.fromkeys([*reader.addresses, *(found.rstrip(".,;:!?)") for found in IN_TEXT.findall(text))]):
        if address.startswith(f"{ours}/"):
            continue
        if address.startswith("#"):
            is_broken, is_plain = address[1:] not in reader.names, False
        else:
            is_broken, is_plain = _judged(address)
        if is_broken:
            links.broken.append(address)
        elif is_plain:
            links.unencrypted.append(address)
    return links


def _judged(address: str) -> tuple[bool, bool]:
    """Whether it is broken, and whether it is plain http."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        _port = parts.port  # raises ValueError where it is none
    except ValueError:
        return True, False
    if parts.scheme in OTHERS:
        return not (parts.path or parts.netloc), False
    is_address = parts.scheme in ("http", "https") and HOST.fullmatch(host) and not is_loopback(host)
    is_written = not re.search(r"\s|[{}]", address)
    return not (is_address and is_written), parts.scheme == "http"


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.addresses: list[str] = []
        self.names: set[str] = {"top"}
        self._is_in_styles = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.names |= {given[name] for name in ("id", "name") if given.get(name)}
        if (name := LOADED.get(tag)) and name in given:
            self.addresses.append(given[name].strip())
        self._add_pictures([given.get("background", ""), *_in_css(given.get("style", ""))])
        self._is_in_styles = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._is_in_styles = False

    def handle_data(self, data: str) -> None:
        if self._is_in_styles:
            self._add_pictures(_in_css(data))

    def _add_pictures(self, addresses: list[str]) -> None:
        """But for those that name nothing to load."""
        self.addresses += [one for one in map(str.strip, addresses) if one and not one.startswith("#")]


def _in_css(css: str) -> list[str]:
    return ["".join(found) for found in IN_CSS.findall(css)]
