"""Lists taken out as CSV files: a mailing's deliveries and attempts, and recipients."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core.models import User
from mailer.delivery.schedule import run_schedule
from mailer.delivery.transitions import change_status
from mailer.exporting import RECIPIENTS
from mailer.exporting.cells import without_fence, written
from mailer.exporting.streaming import exported
from mailer.importing import import_recipients
from mailer.models import Attempt, Delivery, Mailing, Recipient
from tests.support.mailings import make_crowd, make_mailing, make_recipients
from tests.support.streaming import downloaded, table_at

pytestmark = pytest.mark.django_db

ANA, BEN, IVAN = "ana@example.com", "ben@example.com", "иван@example.com"
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.fixture
def mailing(owner: User) -> Mailing:
    """To Ana, deferred and then accepted; to Ben, deferred; to Ivan, to be tried."""
    make_recipients(owner, ANA, BEN, IVAN)
    mailing = change_status(make_mailing(owner).pk, "start", owner)
    tried(ANA, 1, "failure", 450, "4.7.1", "Come back later")
    tried(ANA, 2, "success", 250, "2.0.0", 'Ok: "queued"\nas 1')
    tried(BEN, 1, "failure", 451, "", "=1+1")
    Delivery.objects.filter(email=ANA).update(state="sent")
    Delivery.objects.filter(email=BEN).update(state="deferred", next_attempt_at=NOON + timedelta(hours=1))
    return mailing


def tried(email: str, number: int, status: str, code: int, enhanced: str, words: str) -> None:
    delivery = Delivery.objects.get(email=email)
    Delivery.objects.filter(pk=delivery.pk).update(attempt_count=number)
    Attempt.objects.create(
        delivery=delivery,
        mailing_id=delivery.mailing_id,
        number=number,
        status=status,
        reply_code=code,
        enhanced_code=enhanced,
        server_response=words,
        started_at=NOON + timedelta(minutes=number),
        finished_at=NOON + timedelta(minutes=number, seconds=1),
    )


def test_a_mailings_deliveries_come_with_what_their_last_attempt_came_to(page: Client, mailing: Mailing) -> None:
    ana, ben, ivan = table_at(page, f"/mailings/{mailing.pk}/deliveries/export/")
    assert ana == {
        "email": ANA,
        "full name": "Ana",
        "state": "sent",
        "reason": "",
        "attempts": "2",
        "next attempt": "",
        "Message-ID": Delivery.objects.get(email=ANA).message_id,
        "last attempt": "2026-11-26T12:02:01+00:00",
        "reply code": "250",
        "enhanced status code": "2.0.0",
        "server response": 'Ok: "queued"\nas 1',
    }
    assert (ben["state"], ben["next attempt"], ben["server response"]) == (
        "deferred",
        "2026-11-26T13:00:00+00:00",
        "'=1+1",
    )
    assert (ivan["email"], ivan["state"], ivan["attempts"]) == (IVAN, "queued", "0")
    assert ivan["last attempt"] == ivan["reply code"] == ivan["server response"] == ""


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [ANA, BEN, IVAN]),
        ("?state=sent", [ANA]),
        ("?q=ben", [BEN]),
        ("?state=sent&q=ben", []),
        ("?state=twice", []),
        ("?older=1", [ANA, BEN, IVAN]),
    ],
)
def test_deliveries_are_exported_as_the_list_is_filtered(
    page: Client, mailing: Mailing, query: str, expected: list[str]
) -> None:
    rows = table_at(page, f"/mailings/{mailing.pk}/deliveries/export/{query}")
    assert [row["email"] for row in rows] == expected


def test_attempts_are_exported_one_by_one(page: Client, mailing: Mailing) -> None:
    first, _second, _third = table_at(page, f"/mailings/{mailing.pk}/attempts/export/")
    assert first == {
        "number": "1",
        "email": ANA,
        "started": "2026-11-26T12:01:00+00:00",
        "finished": "2026-11-26T12:01:01+00:00",
        "status": "failure",
        "reply code": "450",
        "enhanced status code": "4.7.1",
        "server response": "Come back later",
        "evidence": "",
        "settled": "",
    }
    failures = table_at(page, f"/mailings/{mailing.pk}/attempts/export/?status=failure")
    assert [row["email"] for row in failures] == [ANA, BEN]


def test_what_is_exported_is_one_mailings(page: Client, owner: User, mailing: Mailing) -> None:
    other = change_status(make_mailing(owner).pk, "start", owner)
    for kind in ("deliveries", "attempts"):
        response = page.get(f"/mailings/{mailing.pk}/{kind}/export/")
        assert f'filename="mailing-{mailing.pk}-{kind}-' in response["Content-Disposition"]
    assert len(table_at(page, f"/mailings/{other.pk}/deliveries/export/")) == 3
    assert table_at(page, f"/mailings/{other.pk}/attempts/export/") == []


def test_each_list_leads_to_its_file(page: Client, mailing: Mailing) -> None:
    ledger = f"/mailings/{mailing.pk}"
    for address, query in (
        ("/recipients/", "?q=ana"),
        (f"{ledger}/deliveries/", "?q=ana&amp;state=sent"),
        (f"{ledger}/attempts/", "?status=success"),
    ):
        shown = page.get(address + query.replace("&amp;", "&") + "&older=999999").content.decode()
        assert f'href="{address}export/{query}" download' in shown


def test_recipients_are_exported_as_they_are_searched_and_whose_they_are(
    page: Client, owner: User, stranger: User, superuser: User
) -> None:
    make_recipients(owner, ANA, IVAN)
    make_recipients(stranger, BEN)
    assert [row["email"] for row in table_at(page, "/recipients/export/")] == [ANA, IVAN]
    assert [row["email"] for row in table_at(page, "/recipients/export/?q=ana")] == [ANA]
    assert [row["email"] for row in table_at(page, "/recipients/export/?whose=everybody")] == [ANA, IVAN]
    page.force_login(superuser)
    assert table_at(page, "/recipients/export/") == []
    assert [row["email"] for row in table_at(page, "/recipients/export/?whose=everybody")] == [ANA, IVAN, BEN]


def test_the_import_takes_back_what_was_exported(page: Client, owner: User, stranger: User) -> None:
    names = ['=HYPERLINK("x")', "+7", "-1", "@ana", "'=quoted", "''-twice", "'plain'", "Иван, “сын”", "", "=" * 200]
    for n, name in enumerate(names):
        Recipient.objects.create(
            owner=owner, email=f"={n}@example.com", full_name=name, comment=f"{name}\r\n\tand\n'more; " * 2 + "."
        )
    exported = downloaded(page, "/recipients/export/")
    cells = [cell for row in csv.reader(io.StringIO(exported, newline="")) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    report = import_recipients(stranger, exported.encode())
    assert (report.added, report.invalid) == (len(names), [])
    fields = ("email", "address_key", "full_name", "comment")
    theirs, ours = (
        Recipient.objects.filter(owner=one).order_by("pk").values_list(*fields) for one in (stranger, owner)
    )
    assert list(theirs) == list(ours)
    assert import_recipients(owner, exported.encode()).unchanged == len(names)


@pytest.mark.parametrize("cell", ["=1", "'=1", "''=1", "'", "''", "'x", "x", "", "\t=", "'\r"])
def test_every_cell_comes_back_as_it_was(cell: str) -> None:
    [[read]] = csv.reader(io.StringIO(written([[cell]]), newline=""))
    assert not read.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert without_fence(read) == cell


async def test_it_is_read_in_chunks(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailer.exporting.streaming.CHUNK", 10)
    await sync_to_async(make_crowd)(owner, 25)
    parts = [part async for part in exported(Recipient.objects.all(), RECIPIENTS)]
    assert [part.count("\n") for part in parts] == [1, 10, 10, 5]
    assert "".join(parts).splitlines()[1:] == [f"r{n}@example.com,Person {n}," for n in range(25)]


def test_a_mailing_to_many_is_exported_whole(page: Client, owner: User) -> None:
    make_crowd(owner, 2_100)
    mailing = change_status(make_mailing(owner).pk, "start", owner)
    while run_schedule():
        pass
    one = {"mailing": mailing, "number": 1, "status": "success", "started_at": NOON}
    Attempt.objects.bulk_create(Attempt(delivery=delivery, **one) for delivery in mailing.deliveries.order_by("pk"))
    everybody = [f"r{n}@example.com" for n in range(2_100)]
    for kind in ("deliveries", "attempts"):
        assert [row["email"] for row in table_at(page, f"/mailings/{mailing.pk}/{kind}/export/")] == everybody


def test_no_statement_but_a_few_for_each_chunk(page: Client, mailing: Mailing) -> None:
    with CaptureQueriesContext(connection) as queries:
        downloaded(page, f"/mailings/{mailing.pk}/deliveries/export/")
    ledger = [query["sql"] for query in queries if 'FROM "mailer_' in query["sql"]]
    assert len([sql for sql in ledger if 'FROM "mailer_mailing"' not in sql]) == 4  # the last chunk is empty
    assert not [sql for sql in ledger if '"merge_data"' in sql]
