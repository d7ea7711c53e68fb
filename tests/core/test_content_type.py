"""Requests whose Content-Type says something that Django would stumble over."""

from __future__ import annotations

import http.client
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from core.content_type import read_as_utf8
from core.models import User
from mailer.delivery.transitions import change_status
from mailer.models import Delivery, Suppression
from mailer.signing import unsubscribe_token
from tests.support.mailings import make_mailing, make_recipients
from tests.support.processes import running_site, suite_variables
from tests.support.servers import free_port

FORM = b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n'
TYPES = [
    *(f"multipart/form-data; boundary=x; charset={name}" for name in ("base64", "zlib", "idna", "undefined", "utf-7")),
    "multipart/form-data; charset=hex; boundary=x",
    "application/x-www-form-urlencoded; charset=utf-16",
    "text/plain; charset*=utf-8''a%00b",
    "text/plain; charset*=nope''a",
    "text/plain; title*=nope''a",
]


@pytest.mark.parametrize(
    ("given", "heard"),
    [
        (b"text/plain", b"text/plain"),
        (b"", b""),
        (b"multipart/form-data; boundary=--WebKit7MA4", b"multipart/form-data; boundary=--WebKit7MA4"),
        (b'multipart/form-data; charset=utf-7; Boundary="a b"; x=y', b'multipart/form-data; Boundary="a b"'),
        (b"multipart/form-data;boundary=x;charset=base64", b"multipart/form-data;boundary=x"),
        (b"multipart/form-data; boundary=\"x;charset*=nope''a\"", b"multipart/form-data; boundary="),
        (b"multipart/form-data; boundary*=nope''a", b"multipart/form-data"),
    ],
)  # fmt: skip
async def test_it_lets_media_type_and_boundary_through_alone(given: bytes, heard: bytes) -> None:
    scopes: list[Any] = []

    async def application(scope: Any, _receive: Any, _send: Any) -> None:
        scopes.append(scope)

    scope: Any = {"type": "http", "headers": [(b"host", b"a; charset=b"), (b"content-type", given)]}
    plain: Any = read_as_utf8(application)
    await plain(scope, None, None)
    assert scopes[0]["headers"] == [(b"host", b"a; charset=b"), (b"content-type", heard)]


@pytest.mark.django_db(transaction=True)
def test_they_are_answered_and_unsubscribe(owner: User) -> None:
    make_recipients(owner, *(f"r{n}@example.com" for n in range(len(TYPES))))
    mailing = change_status(make_mailing(owner).pk, "start", owner)
    links = [f"/u/{unsubscribe_token(delivery.pk)}/" for delivery in Delivery.objects.filter(mailing=mailing)]
    with running_site(settings.BASE_DIR, "--noreload", port=free_port(), **suite_variables()) as address:
        answers = [
            (content_type, *(post(address, path, content_type) for path in (link, "/account/login/", "/healthz")))
            for content_type, link in zip(TYPES, links, strict=True)
        ]
    assert answers == [(content_type, 200, 403, 403) for content_type in TYPES]
    assert Suppression.objects.count() == len(TYPES)


def post(address: str, path: str, content_type: str) -> int:
    """The answer's status."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    try:
        connection.request("POST", path, FORM, {"Content-Type": content_type})
        return connection.getresponse().status
    finally:
        connection.close()
