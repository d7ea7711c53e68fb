from __future__ import annotations

import codecs
import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from core.models import User
from mailer.addresses import PLAIN, address_key, clean_address
from mailer.importing import ImportReport, UnreadableFile, import_recipients
from mailer.models import Recipient

pytestmark = pytest.mark.django_db


def reasons(report: ImportReport) -> list[tuple[int, str]]:
    return [(row.line, row.reason) for row in report.invalid]


def saved(owner: User) -> list[tuple[str, str, str]]:
    return list(Recipient.objects.filter(owner=owner).order_by("pk").values_list("email", "full_name", "comment"))


def test_it_adds_by_headings_in_any_order_and_language(owner: User) -> None:
    report = import_recipients(owner, "Имя;ignored;Почта;Комментарий\nАнна;x;anna@example.com;друг\n".encode())
    assert report == ImportReport(1, 0, 0, 0, [])
    assert saved(owner) == [("anna@example.com", "Анна", "друг")]


def test_it_takes_a_file_without_headings(owner: User) -> None:
    import_recipients(owner, 'ana@example.com,"Banana, Ana ""B"""\nbob@example.com')
    assert saved(owner) == [("ana@example.com", 'Banana, Ana "B"', ""), ("bob@example.com", "", "")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_it_reads_what_spreadsheets_write(owner: User, encoding: str) -> None:
    import_recipients(owner, "email\tname\r\nzoë@example.com\tZoë\r\n".encode(encoding))
    assert saved(owner) == [("zoë@example.com", "Zoë", "")]


def test_it_updates_what_is_there_and_erases_nothing(owner: User, stranger: User) -> None:
    import_recipients(stranger, "ana@example.com,Not Mine")
    import_recipients(owner, "ana@example.com,Ana,first\nbob@example.com,Bob")
    report = import_recipients(owner, "ANA@Example.com,Anna,\nbob@example.com,,\ncid@example.com")
    assert (report.added, report.updated, report.unchanged) == (1, 1, 1)
    assert saved(owner)[:2] == [("ana@example.com", "Anna", "first"), ("bob@example.com", "Bob", "")]
    assert saved(stranger) == [("ana@example.com", "Not Mine", "")]


def test_it_names_the_line_and_the_reason_of_every_row_it_leaves_out(owner: User) -> None:
    data = (
        "email,name,comment\n"
        'ana@example.com,Ana,"two\nlines"\n'
        "not an address,X,\n"
        "ANA@example.com,Again,\n"
        f"bob@example.com,{'x' * 201},\n"
        "cid@example.com,Cid,,extra\n"
        'dan@example.com,"Dan"y,\n'
        "eve@example.com,E\0ve,\n"
        ",Nobody,\n"
        'fay@example.com,"Fay\nand the rest'
    )
    report = import_recipients(owner, data)
    assert report.added == 1
    lines = reasons(report)
    assert [line for line, _reason in lines] == [4, 5, 6, 7, 8, 9, 10, 11]
    assert "Not an email address" in lines[0][1]
    assert lines[1][1] == "The same address is on line 2."
    assert "at most 200" in lines[2][1]
    assert "more cells" in lines[3][1]
    assert "do not match" in lines[4][1]
    assert "control" in lines[5][1]
    assert "never closed" in lines[7][1]


def test_a_cell_of_ten_megabytes_is_refused_and_the_rest_is_imported(owner: User) -> None:
    report = import_recipients(owner, f"email,comment\nana@example.com,{'x' * 10_000_000}\nbob@example.com,\n")
    assert reasons(report) == [(2, "A cell is far too long.")]
    assert [email for email, _name, _comment in saved(owner)] == ["bob@example.com"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        ("имя,почта\n".encode("cp1251"), "line 1"),
        (b"email\nana@example.com\n\xff\xfe", "line 3"),
        (codecs.BOM_UTF16_LE + b"a", "UTF-8"),
    ],
)
def test_it_says_why_a_file_cannot_be_read(owner: User, data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableFile, match=reason):
        import_recipients(owner, data)


class AnyFile(TestCase):
    @settings(max_examples=150)
    @given(st.one_of(st.binary(max_size=200), st.text(max_size=200), st.text('ab@.,;"\n\t', max_size=80)))
    def test_no_file_breaks_it(self, data: bytes | str) -> None:
        owner = User.objects.create_user("fuzz@example.com")
        with contextlib.suppress(UnreadableFile):
            import_recipients(owner, data)


@given(st.from_regex(PLAIN, fullmatch=True))
def test_the_short_way_to_a_clean_address_is_the_long_way(address: str) -> None:
    from email_validator import EmailNotValidError, validate_email

    try:
        normal = validate_email(address, check_deliverability=False).normalized
    except EmailNotValidError:
        return
    assert clean_address(address) == normal


def test_one_mailbox_has_one_key() -> None:
    assert address_key("Ana@EXAMPLE.com") == address_key("ana@example.com ")
    assert address_key("ivan@ПРИМЕР.example") == address_key("Ivan@xn--e1afmkfd.example")
