"""The live page's websocket, over a real connection to a real server on the test's database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from core.models import User
from mailer.delivery.events import publish_changes
from mailer.delivery.ledger import record
from mailer.delivery.transitions import change_status
from mailer.models import Mailing
from realtime import consumers
from realtime.consumers import MailingConsumer, watch_mailing
from tests.support.mailings import make_crowd, make_mailing
from tests.support.processes import running_site, suite_variables
from tests.support.results import ACCEPTED, DEFERRED, REJECTED, a_worker, claimed, result
from tests.support.servers import free_port

pytestmark = pytest.mark.django_db(transaction=True)

NOBODY_LISTENS = "redis://127.0.0.1:1"
PATIENCE = 30  # seconds, with a machine that does other things as well


@pytest.fixture(params=["redis", "in memory", "redis is dead"])
def address(request: pytest.FixtureRequest, transactional_db: None) -> Iterator[str]:
    """A server process on this test's database, by each kind of channel layer."""
    urls = {"redis": settings.REDIS_URL, "in memory": "", "redis is dead": NOBODY_LISTENS}
    variables = suite_variables() | {"REDIS_URL": urls[request.param]}
    with running_site(settings.BASE_DIR, "--noreload", port=free_port(), **variables) as address:
        yield address


@pytest.fixture
def mailing(owner: User) -> Mailing:
    make_crowd(owner, 6)
    return change_status(make_mailing(owner).pk, "start", owner)


def session_of(user: User) -> str:
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


@asynccontextmanager
async def watching(
    address: str, mailing_id: int, user: User | None, origin: str = ""
) -> AsyncIterator[ClientConnection]:
    cookie = f"{settings.SESSION_COOKIE_NAME}={await sync_to_async(session_of)(user)}" if user else ""
    url = f"{address.replace('http', 'ws')}/ws/mailings/{mailing_id}/"
    headers = {"Cookie": cookie}
    async with connect(url, origin=origin or address, additional_headers=headers, open_timeout=PATIENCE) as socket:  # type: ignore[arg-type]
        yield socket


async def frame(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE):
        found: dict[str, Any] = json.loads(await socket.recv())
    return found


async def frames_until(socket: ClientConnection, **counts: int) -> list[dict[str, Any]]:
    """The frames up to the one that tells these counts."""
    frames = [await frame(socket)]
    while any(frames[-1]["progress"]["counts"][state] != n for state, n in counts.items()):
        frames.append(await frame(socket))
    return frames


def send_some(outcomes: list[Any]) -> None:
    worker = a_worker()
    record(worker, [result(*pair) for pair in zip(claimed(worker, len(outcomes)), outcomes, strict=True)])


async def test_a_snapshot_and_its_updates_are_a_fresh_snapshot(address: str, mailing: Mailing, owner: User) -> None:
    await sync_to_async(send_some)([ACCEPTED])
    async with watching(address, mailing.pk, owner) as socket:
        snapshot = await frame(socket)
        assert (snapshot["type"], snapshot["progress"]["total"]) == ("snapshot", 6)
        assert [attempt["status"] for attempt in snapshot["attempts"]] == ["success"]
        await sync_to_async(send_some)([ACCEPTED, REJECTED])
        await sync_to_async(send_some)([DEFERRED])
        await publish_changes([mailing.pk])
        updates = await frames_until(socket, sent=2, failed=1, deferred=1)
        async with watching(address, mailing.pk, owner) as another:
            fresh = await frame(another)
    followed = sorted(
        [*snapshot["attempts"], *(attempt for update in updates for attempt in update["attempts"])],
        key=lambda attempt: -attempt["id"],
    )
    assert followed == fresh["attempts"]
    assert updates[-1]["progress"]["counts"] == fresh["progress"]["counts"]
    assert "5.1.1 No such user" in [attempt["server_response"] for attempt in followed]


async def test_it_shows_a_pause_and_gives_a_snapshot_when_asked(address: str, mailing: Mailing, owner: User) -> None:
    async with watching(address, mailing.pk, owner) as socket:
        await frame(socket)
        await socket.send("x" * 1000)
        await socket.send("nonsense")
        await sync_to_async(change_status)(mailing.pk, "pause", owner)
        while (await frame(socket))["progress"]["status"] != "paused":
            continue
        await socket.send('{"type": "snapshot"}')
        while (await frame(socket))["type"] != "snapshot":
            continue


async def test_it_is_for_those_who_may_see_the_mailing(
    address: str, mailing: Mailing, owner: User, stranger: User, manager: User, superuser: User
) -> None:
    for watcher in (manager, superuser):
        async with watching(address, mailing.pk, watcher) as socket:
            assert (await frame(socket))["type"] == "snapshot"
    refusals = [(mailing.pk, stranger, ""), (mailing.pk, None, ""), (mailing.pk + 99, owner, "")]
    refusals += [(mailing.pk, owner, "http://elsewhere.example"), (mailing.pk, owner, "http://[")]
    with pytest.raises(InvalidStatus) as nowhere:
        await connect(f"{address.replace('http', 'ws')}/ws/nothing/", origin=address)  # type: ignore[arg-type]
    assert nowhere.value.response.status_code == 403
    url, nul = f"{address.replace('http', 'ws')}/ws/mailings/{mailing.pk}/", {"Cookie": r'sessionid="abcdefghij\000kl"'}
    with pytest.raises(InvalidStatus) as nobody:
        await connect(url, origin=address, additional_headers=nul)  # type: ignore[arg-type]
    assert nobody.value.response.status_code == 403
    for pk, user, origin in refusals:
        with pytest.raises(InvalidStatus) as refused:
            async with watching(address, pk, user, origin):
                pass
        assert refused.value.response.status_code == 403


def scope_of(mailing: Mailing, user: User) -> dict[str, Any]:
    session = SessionStore(session_of(user))
    return {"type": "websocket", "session": session, "url_route": {"kwargs": {"pk": mailing.pk}}}


async def test_it_is_closed_when_the_user_is_blocked(
    mailing: Mailing, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "CHECK_EVERY", 0.05)
    page = ApplicationCommunicator(watch_mailing, await sync_to_async(scope_of)(mailing, owner))
    await page.send_input({"type": "websocket.connect"})
    assert (await page.receive_output(PATIENCE))["type"] == "websocket.accept"
    await User.objects.filter(pk=owner.pk).aupdate(is_active=False)
    while (message := await page.receive_output(PATIENCE))["type"] == "websocket.send":
        continue
    assert message["code"] == consumers.NO_LONGER_ALLOWED
    await page.wait(PATIENCE)


async def test_a_page_that_takes_nothing_is_closed(
    mailing: Mailing, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "DRAIN_FOR", 0.05)
    said: list[dict[str, Any]] = []

    async def stuck(message: dict[str, Any]) -> None:
        said.append(message)
        if message["type"] == "websocket.send":
            await asyncio.Event().wait()

    async def receive() -> dict[str, Any]:
        if not said:
            return {"type": "websocket.connect"}
        await asyncio.Event().wait()
        raise AssertionError("nothing more comes")

    consumer = MailingConsumer(await sync_to_async(scope_of)(mailing, owner), receive, stuck)
    await asyncio.wait_for(consumer.run(), PATIENCE)
    assert said[-1] == {"type": "websocket.close", "code": consumers.TOO_SLOW}
