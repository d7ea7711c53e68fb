"""A postal address is told from other numbers by its looks."""

from __future__ import annotations

import pytest

from mailer.preflight.postal import has_address
from tests.support.cost import at_most

ADDRESSES = [
    "Our Club, 12 Main Street, 10115 Berlin",
    "Our Club\n12 Main Street\nSpringfield, IL 62701-1234",
    "Our Club | 1600 Amphitheatre Pkwy | Mountain View, CA 94043",
    "10 Downing Street\nLondon SW1A 1AA\nEngland",
    "Suite 400, 250 Ontario, Toronto K1A 0B1",
    "1 Bligh, Sydney NSW 2000",
    "Damrak 1, 1012 AB Amsterdam",
    "Verein e. V., Lange Straße 5a, D-10115 Berlin. You get this as a member.",
    "Hauptstr. 5\n\n8001 Zürich",
    "Storgatan 5 · 111 22 Stockholm",
    "Rynek 7, 31-042 Kraków",
    "BP 75, 75001 Paris",
    "12 Elm St., Springfield, IL 62701",
    "P.O. Box 7, Springfield",
    "190000, Санкт-Петербург, Невский пр., д. 1",
    "Адрес: 101000, г. Москва, ул. Мясницкая, дом 26",
    "Россия, Московская область, г. Химки, ул. Мира, д. 5, кв. 7, 141400",
    "ООО «Клуб»\nТверская, 7\nг. Москва 125009",
    "а/я 15",
]
OTHERS = [
    "",
    "Only 1500 left",
    "Tel 12345",
    "Only 1500 left, Tel 12345",
    "Осталось 1500 мест\nТел. 123456",
    "Our Club, 12 Main Street, Tel 12345",
    "Our Club, Main Street 12, Tel: 12345, since 1999",
    "Buy 2, get 1 free: 1,500 left, 25000 sold",
    "Order 12345 of 4 May 2026\nRoom 5",
    "Звоните: +7 495 123-45-67, дом 5",
    "12 Main Street, Springfield",
    "10115 Berlin",
    "It costs 15000 roubles, or EUR 1500.",
    "Write to our P.O. box.",
]


@pytest.mark.parametrize("text", ADDRESSES)
def test_an_address_is_known(text: str) -> None:
    assert has_address(text)
    assert has_address(f"Hello Ana,\n\nthe news of May.\n\n--\n{text}\n\nUnsubscribe:  \n")


@pytest.mark.parametrize("text", OTHERS)
def test_other_numbers_are_none(text: str) -> None:
    assert not has_address(text)
    assert not has_address(f"Hello Ana,\n\nthe news of May.\n\n--\n{text}\n\nUnsubscribe:  \n")


def test_the_street_lies_near_its_code() -> None:
    assert not has_address("12 Main Street\n" + "And more of it\n" * 9 + "10115 Berlin")


@pytest.mark.parametrize("piece", ["1", "A1 ", "12345\n", "10115 Berlin, ", "A ", "г. ", "address: ", "P.O. ", "P O "])
def test_a_text_that_is_written_to_be_slow_is_read_at_once(piece: str) -> None:
    with at_most(10):  # it takes a quarter; where each character looks at all that follow, hours
        has_address(piece * (500_000 // len(piece)))
