"""The figures are the database's, with the cache on, off, dead and frozen, after mailings that were really sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from core.clock import db_now
from core.models import User
from mailer.delivery.transitions import change_status
from mailer.models import Attempt, Mailing, Recipient
from mailer.stats.figures import Figures, Overview, overview, public_figures
from tests.support.caches import NOBODY_LISTENS, frozen_redis, start_over, statistics_at
from tests.support.engine import send
from tests.support.mailings import make_mailing, make_recipients
from tests.support.smtp_server import SmtpServer, drop_after_dot, refuse_recipient

pytestmark = pytest.mark.django_db(transaction=True)

Site = Callable[[SmtpServer], None]

MISBEHAVIOUR = {
    "ben@example.com": [refuse_recipient(550, "5.1.1 No such user here")],
    "cem@example.com": [refuse_recipient(550, "5.2.1 Mailbox disabled")],
    "dan@example.com": [drop_after_dot()],
}


@pytest.fixture(params=["off", "on", "dead", "frozen"])
def cache(request: pytest.FixtureRequest, settings: Any) -> Iterator[str]:
    with frozen_redis() as frozen:
        urls = {"on": settings.REDIS_URL, "dead": NOBODY_LISTENS, "frozen": frozen}
        if request.param in urls:
            settings.CACHES = statistics_at(urls[request.param], patience=30 if request.param == "on" else 0.5)
        start_over()
        yield request.param
    start_over()


def counted(owner: User | None) -> Figures:
    """The figures, counted one by one."""
    mailings = [mailing for mailing in Mailing.objects.all() if owner in (None, mailing.owner)]
    recipients = [person for person in Recipient.objects.all() if owner in (None, person.owner)]
    active = [mailing for mailing in mailings if mailing.is_active(db_now())]
    return Figures(len(mailings), len(active), len({person.address_key for person in recipients}))


def attempts(owner: User | None) -> Counter[str]:
    found = Attempt.objects.select_related("mailing__owner")
    return Counter(attempt.status for attempt in found if owner in (None, attempt.mailing.owner))


def by_status(seen: Overview) -> Counter[str]:
    counts: Counter[str] = Counter()
    for _hour, status, n in seen.hours:
        counts[status] += n
    return counts


def agree(*owners: User) -> None:
    """The figures that are shown are the ones that are counted, on a first look and on a second."""
    for _look in range(2):
        for owner in (*owners, None):
            seen = overview(owner)
            assert (seen.figures, by_status(seen)) == (counted(owner), attempts(owner))
        assert public_figures() == counted(None)


def make_some(owner: User, stranger: User) -> list[int]:
    """Five mailings of two people who know two persons in common; one is to be sent by each."""
    make_recipients(owner, "ana@example.com", "ben@example.com", "cem@example.com", "dan@example.com")
    make_recipients(stranger, "Ana@EXAMPLE.com", "ben@example.com", "eva@example.com")
    change_status(make_mailing(owner).pk, "schedule", owner)
    make_mailing(owner, ends_at=db_now())
    make_mailing(stranger)
    return [make_mailing(user).pk for user in (owner, stranger)]


async def test_they_agree_with_the_database(owner: User, stranger: User, site: Site, cache: str) -> None:
    drafts = await sync_to_async(make_some)(owner, stranger)
    await sync_to_async(agree)(owner, stranger)
    with SmtpServer(by_address=MISBEHAVIOUR) as server:
        site(server)
        for draft in drafts:
            await sync_to_async(change_status)(draft, "start", None)
            await sync_to_async(agree)(owner, stranger)
            await send(only_mailing=draft)
    await sync_to_async(agree)(owner, stranger)
    assert await sync_to_async(attempts)(None) == {"success": 3, "failure": 3, "uncertain": 1}
