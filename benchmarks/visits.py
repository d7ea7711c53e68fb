"""A person's visits to the pages of a running site, over HTTP, each timed."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlencode, urlsplit

from benchmarks.processes import Failed

FORM = "application/x-www-form-urlencoded"
BOUNDARY = "a-boundary-that-no-list-of-addresses-has"
PIECE = 1024 * 1024  # bytes
PATIENCE = 600.0  # seconds


@dataclass
class Visitor:
    """Signed in by a session's key. `seconds` has how long each visit to a page took, by the page's name."""

    url: str
    session: str
    seconds: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    csrf: str = ""

    def visit(self, name: str, path: str) -> None:
        """Open a page and read all of it. Raises Failed."""
        begun = time.perf_counter()
        status, _text = self._ask("GET", path)
        self.seconds[name].append(time.perf_counter() - begun)
        if status != 200:
            raise Failed(f"{path} answered {status}")

    def press(self, page: str, action: str) -> float:
        """Press the button on a page that posts to `action`: the seconds that took. Raises Failed."""
        token = self._token(page)
        begun = time.perf_counter()
        status, _text = self._ask("POST", action, urlencode({"csrfmiddlewaretoken": token}).encode(), FORM)
        if status != 302:
            raise Failed(f"{action} answered {status}")
        return time.perf_counter() - begun

    def upload(self, page: str, file: Path) -> tuple[float, str]:
        """Send a file by the page's form: the seconds that took, and the answer. Raises Failed."""
        fields = {"csrfmiddlewaretoken": self._token(page), "pasted": ""}
        head = "".join(_part(f'name="{name}"', value) for name, value in fields.items())
        head += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{file.name}"\r\n\r\n'
        begun = time.perf_counter()
        status, text = self._send_file(page, file, head.encode(), f"\r\n--{BOUNDARY}--\r\n".encode())
        if status != 200:
            raise Failed(f"{page} answered {status}")
        return time.perf_counter() - begun, text

    def _send_file(self, page: str, file: Path, head: bytes, tail: bytes) -> tuple[int, str]:
        connection = self._connected()
        connection.putrequest("POST", page)
        size = len(head) + file.stat().st_size + len(tail)
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        for name, value in {**self._headers(), "Content-Type": kind, "Content-Length": str(size)}.items():
            connection.putheader(name, value)
        connection.endheaders(head)
        with file.open("rb") as content:
            _copy(content, connection)
        connection.send(tail)
        return _read(connection, connection.getresponse())

    def _token(self, page: str) -> str:
        _status, text = self._ask("GET", page)
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', text)
        if found is None:
            raise Failed(f"{page} has no form")
        return found[1]

    def _ask(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> tuple[int, str]:
        connection = self._connected()
        headers = self._headers() | ({"Content-Type": kind} if kind else {})
        connection.request(method, path, body, headers)
        return _read(connection, connection.getresponse(), self)

    def _connected(self) -> HTTPConnection:
        return HTTPConnection(urlsplit(self.url).netloc, timeout=PATIENCE)

    def _headers(self) -> dict[str, str]:
        cookies = {"sessionid": self.session, **({"csrftoken": self.csrf} if self.csrf else {})}
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()), "Origin": self.url}


def _part(name: str, value: str) -> str:
    return f"--{BOUNDARY}\r\nContent-Disposition: form-data; {name}\r\n\r\n{value}\r\n"


def _copy(content: BinaryIO, connection: HTTPConnection) -> None:
    while piece := content.read(PIECE):
        connection.send(piece)


def _read(connection: HTTPConnection, answer: HTTPResponse, visitor: Visitor | None = None) -> tuple[int, str]:
    text = answer.read().decode()
    for cookie in answer.headers.get_all("Set-Cookie") or []:
        if visitor is not None and cookie.startswith("csrftoken="):
            visitor.csrf = cookie.partition("=")[2].partition(";")[0]
    connection.close()
    return answer.status, text
