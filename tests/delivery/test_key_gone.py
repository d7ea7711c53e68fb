"""A signing key that can't be read any more pauses the mailings that need it, loses nothing, and is tried anew."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from core.models import User
from mailer.delivery.dkim_keys import as_pem
from mailer.delivery.engine import Until
from mailer.delivery.transitions import change_status
from mailer.models import Attempt, Mailing
from mailer.reasons import CANNOT_BE_SENT
from tests.support.dkim import DOMAIN, RSA, verdicts
from tests.support.engine import accepted_by, send, until
from tests.support.mailings import counted, make_crowd, make_mailing
from tests.support.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db(transaction=True)

Site = Callable[[SmtpServer | int], None]


@pytest.fixture
def key(settings: Any, tmp_path: Path) -> Path:
    """Where the site's key should be; nothing is there."""
    file = tmp_path / "key.pem"
    settings.DKIM_DOMAIN, settings.DKIM_SELECTOR, settings.DKIM_KEY_FILE = DOMAIN, ["rsa"], [file]
    return file


@pytest.fixture
def mailing(owner: User) -> Mailing:
    make_crowd(owner, 3)
    return change_status(make_mailing(owner).pk, "start", owner)


async def status_of(mailing: Mailing) -> str:
    await mailing.arefresh_from_db()
    return mailing.status


async def test_it_pauses_the_mailing_with_a_reason_that_does_not_name_the_file(
    mailing: Mailing, key: Path, site: Site
) -> None:
    with SmtpServer() as server:
        site(server)
        summary = await asyncio.wait_for(send(), 30)
    assert not accepted_by(server)
    assert await status_of(mailing) == "paused"
    reason = summary.paused[mailing.pk]
    assert reason.code == CANNOT_BE_SENT
    assert "DKIM key can't be read" in str(reason)
    assert key.name not in str(reason)
    assert await sync_to_async(counted)(mailing) == {"queued": 3}
    assert not await Attempt.objects.filter(server_response__contains=key.name).aexists()


async def test_once_the_key_is_back_the_same_sender_goes_on(
    mailing: Mailing, owner: User, key: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailer.delivery.ledger.UNCHARGED_PAUSE", timedelta(milliseconds=50))
    stop = asyncio.Event()

    async def is_(status: str) -> bool:
        return await status_of(mailing) == status

    with SmtpServer() as server:
        site(server)
        sending = asyncio.ensure_future(send(Until.STOPPED, stop=stop))
        await until(lambda: is_("paused"))
        await sync_to_async(key.write_bytes)(as_pem(RSA.key))
        await sync_to_async(change_status)(mailing.pk, "resume", owner)
        await until(lambda: is_("completed"))
        stop.set()
        await sending
    assert set(accepted_by(server).values()) == {1}
    assert await sync_to_async(counted)(mailing) == {"sent": 3}
    assert all(verdicts(mail.content) == [True] for mail in server.accepted)
