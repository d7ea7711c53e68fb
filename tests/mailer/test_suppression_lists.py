"""Lists of addresses in files: read and written."""

from __future__ import annotations

import csv
import io
import tracemalloc
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from core.clock import db_now
from core.models import User
from mailer.consent import Ground
from mailer.delivery.transitions import change_status
from mailer.exporting import SUPPRESSIONS
from mailer.exporting.streaming import exported
from mailer.importing import UnreadableFile
from mailer.models import Suppression
from mailer.suppression_lists import MOST_INVALID, Report, suppress_list
from tests.support.mailings import counted, make_crowd, make_mailing, really_counted
from tests.support.suppressions import suppress_for

pytestmark = pytest.mark.django_db

Listed = str | bytes


def read(owner: User, listed: Listed) -> Report:
    return suppress_list(Ground(owner.pk, "imported"), io.BytesIO(listed) if isinstance(listed, bytes) else listed)


def keys() -> set[str]:
    return set(Suppression.objects.values_list("address_key", flat=True))


AB = {"ana@example.com", "ben@example.com"}


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ("ana@example.com\nben@example.com\n", AB),
        ("\r\n ANA@example.com \r\n\r\nben@Example.com", AB),
        ("ana@example.com, ben@example.com", AB),
        ("Ana;ana@example.com\nBen;ben@example.com", AB),
        ("name,Email,comment\nAna,ana@example.com,x@example.com\nBen,ben@example.com,", AB),
        ('"ana@example.com"\tAna\n"ben@example.com"\tBen', AB),
        ("Имя;Почта\nAna;ana@example.com\nBen;ben@example.com".encode(), AB),
        ("\ufeffana@example.com\nben@example.com".encode(), AB),
        ("ana@example.com\r\nben@example.com".encode("utf-16"), AB),
        ("ana@ПРИМЕР.example", {"ana@xn--e1afmkfd.example"}),
    ],
)
def test_it_finds_the_addresses_however_they_are_listed(owner: User, listed: Listed, expected: set[str]) -> None:
    report = read(owner, listed)
    assert keys() == expected
    assert (report.added, report.known, report.left_out) == (len(expected), 0, 0)


def test_it_says_what_it_left_out_and_takes_the_rest(owner: User) -> None:
    report = read(owner, "ana@example.com\nnot an address\nben@@example.com\nben@example.com\n")
    assert keys() == AB
    assert [(row.line, row.text) for row in report.invalid] == [(2, "not an address"), (3, "ben@@example.com")]


def test_it_keeps_the_first_of_many_that_it_left_out(owner: User) -> None:
    report = read(owner, "nobody\n" * (MOST_INVALID + 7))
    assert (report.left_out, len(report.invalid)) == (MOST_INVALID + 7, MOST_INVALID)


def test_told_again_it_changes_nothing(owner: User) -> None:
    read(owner, "ana@example.com\nANA@example.com")
    report = read(owner, "ana@example.com\nben@example.com")
    assert (report.added, report.known) == (1, 1)
    assert Suppression.objects.count() == 2


@pytest.mark.parametrize("data", [b"", "ana@example.com\nимя".encode("cp1251"), b"\xff\xfea"])
def test_a_file_that_cannot_be_read_changes_nothing(owner: User, data: bytes) -> None:
    with pytest.raises(UnreadableFile):
        read(owner, data)
    assert keys() == set()


def test_a_long_one_stops_a_mailing_under_way(owner: User) -> None:
    make_crowd(owner, 2_500)
    mailing = change_status(make_mailing(owner).pk, "start", owner)
    report = read(owner, "\n".join(f"r{n}@example.com" for n in range(2_100)).encode())
    assert report.added == 2_100
    assert counted(mailing) == really_counted(mailing)
    assert not mailing.deliveries.filter(state="queued", address_key__in=keys()).exists()


def test_its_memory_does_not_grow_with_the_file(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(_ground: Ground, keys: list[str]) -> int:
        db_now()  # PostgreSQL cuts off a transaction that says nothing for half a minute
        return len(keys)

    monkeypatch.setattr("mailer.suppression_lists.suppress", taken)
    peaks = []
    for rows in (5_000, 50_000):
        file = io.BytesIO("".join(f"person{n}@example.com\n" for n in range(rows)).encode())
        tracemalloc.start()
        assert suppress_list(Ground(owner.pk, "imported"), file).added == rows
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


async def text_of(suppressions: Any) -> str:
    return "".join([part async for part in exported(suppressions, SUPPRESSIONS)])


async def test_what_is_exported_reads_back(owner: User, stranger: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailer.exporting.streaming.CHUNK", 2)
    addresses = ["=cmd@example.com", "+a@example.com", "-b@example.com", "'c@example.com", "ana@example.com"]
    await sync_to_async(suppress_for)(owner, *addresses)
    await Suppression.objects.filter(address_key="ana@example.com").aupdate(source='=HYPERLINK("x")\n"more"')
    written = await text_of(Suppression.objects.all())
    rows = list(csv.DictReader(io.StringIO(written)))
    assert len(rows) == 5
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())
    await sync_to_async(suppress_list)(Ground(stranger.pk, "imported"), written)
    theirs = Suppression.objects.filter(owner=stranger)
    assert {key async for key in theirs.values_list("address_key", flat=True)} == set(addresses)
