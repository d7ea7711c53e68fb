"""A browser without a screen: it keeps cookies, follows redirects and sends forms with their token."""

from __future__ import annotations

import contextlib
import re
import urllib.error
import urllib.request
from http.cookiejar import CookieJar
from urllib.parse import urlencode


class Visitor:
    def __init__(self, address: str) -> None:
        self.address = address
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def get(self, path: str) -> tuple[int, str]:
        return self._open(urllib.request.Request(self.address + path))  # noqa: S310 - our own server

    def post(self, path: str, form: dict[str, str]) -> tuple[int, str]:
        """Open the page, fill in its form, send it; status and text of where that leads."""
        _status, page = self.get(path)
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        assert token, page
        data = urlencode({**form, "csrfmiddlewaretoken": token[1]}).encode()
        return self._open(urllib.request.Request(self.address + path, data))  # noqa: S310 - our own server

    def _open(self, request: urllib.request.Request) -> tuple[int, str]:
        try:
            with self.opener.open(request, timeout=30) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with contextlib.closing(error):
                return error.code, error.read().decode()
