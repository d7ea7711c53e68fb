"""A long file: chunk by chunk, all or nothing, in memory that does not grow with it."""

from __future__ import annotations

import io
import tracemalloc
from datetime import datetime

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from core.models import User
from mailer.importing import ImportReport, UnreadableFile, import_recipients, writing
from mailer.models import Recipient

pytestmark = pytest.mark.django_db


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailer.importing.CHUNK", 3)
    monkeypatch.setattr("mailer.importing.writing.CHUNK", 2)


def crowd(n: int) -> bytes:
    return b"email,name,comment\n" + b"".join(b"r%d@example.com,Person %d,number %d\n" % (i, i, i) for i in range(n))


def peak(owner: User, n: int) -> int:
    """The most memory that Python held while it imported so many, in bytes."""
    file = io.BytesIO(crowd(n))
    tracemalloc.start()
    import_recipients(owner, file)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def test_it_counts_right_across_chunks(owner: User, small_chunks: None) -> None:
    import_recipients(owner, crowd(4))
    again = (
        crowd(4) + b"r1@example.com,Again,\nr1@example.com,And again,\nnobody\nr7@example.com,New,\nr0@example.com,,x"
    )
    report = import_recipients(owner, again.replace(b"Person 2", b"Second"))
    assert (report.added, report.updated, report.unchanged, report.left_out) == (1, 1, 3, 4)
    assert [(row.line, row.text) for row in report.invalid] == [
        (6, "r1@example.com, Again, "),
        (7, "r1@example.com, And again, "),
        (8, "nobody"),
        (10, "r0@example.com, , x"),
    ]
    names = Recipient.objects.filter(owner=owner).order_by("pk").values_list("full_name", flat=True)
    assert list(names) == ["Person 0", "Person 1", "Second", "Person 3", "New"]


def test_it_tells_of_the_first_bad_rows_and_how_many_there_are(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailer.importing.MOST_REPORTED", 3)
    report = import_recipients(owner, b"email\n" + b"nobody\na@example.com\n" * 5)
    assert (report.added, report.left_out) == (1, 9)
    assert [row.line for row in report.invalid] == [2, 4, 5]


def test_it_writes_all_or_nothing(owner: User, small_chunks: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails_at_the_third(owner: User, now: datetime, after: int, last: int) -> int:
        if Recipient.objects.count() == 4:
            raise DatabaseError("the disk is full")
        return write(owner, now, after, last)

    write = writing._write
    monkeypatch.setattr(writing, "_write", fails_at_the_third)
    with pytest.raises(DatabaseError, match="full"):
        import_recipients(owner, crowd(9))
    assert not Recipient.objects.exists()
    monkeypatch.setattr(writing, "_write", write)
    assert import_recipients(owner, crowd(9)) == ImportReport(9, 0, 0, 0, [])


def test_its_queries_grow_with_the_chunks_alone(owner: User) -> None:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        import_recipients(owner, crowd(400))
    assert len(queries) < 20


def test_its_memory_does_not_grow_with_the_file(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailer.importing.CHUNK", 500)
    monkeypatch.setattr("mailer.importing.reading.PIECE", 10_000)
    peak(owner, 100)  # what is loaded once
    assert peak(owner, 8_000) < 1.3 * peak(owner, 2_000)


def test_a_file_that_is_too_large_is_refused(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailer.importing.reading.LARGEST_FILE", 1024 * 1024)
    for data in (b"x" * (1024 * 1024 + 1), "x" * (1024 * 1024 + 1)):
        with pytest.raises(UnreadableFile, match="1 MB"):
            import_recipients(owner, data)
