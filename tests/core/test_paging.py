from __future__ import annotations

import pytest

from core.models import User
from core.paging import Page, page_by_key
from mailer.models import Recipient

pytestmark = pytest.mark.django_db


@pytest.fixture
def keys(owner: User) -> list[int]:
    """Of seven recipients, oldest first."""
    return [Recipient.objects.create(owner=owner, email=f"r{number}@example.com").pk for number in range(7)]


async def page(older: int | None = None, newer: int | None = None) -> Page[Recipient]:
    words = {name: None if key is None else str(key) for name, key in {"older": older, "newer": newer}.items()}
    return await page_by_key(Recipient.objects.all(), words["older"], words["newer"], size=3)


def keys_of(page: Page[Recipient]) -> list[int]:
    return [row.pk for row in page.rows]


async def test_it_starts_with_the_newest(keys: list[int]) -> None:
    first = await page()
    assert keys_of(first) == [keys[6], keys[5], keys[4]]
    assert (first.newer, first.older) == (None, keys[4])


async def test_it_walks_to_the_oldest_and_back(keys: list[int]) -> None:
    second = await page(older=(await page()).older)
    assert keys_of(second) == [keys[3], keys[2], keys[1]]
    last = await page(older=second.older)
    assert keys_of(last) == [keys[0]]
    assert last.older is None
    assert keys_of(await page(newer=last.newer)) == keys_of(second)


async def test_it_has_nothing_newer_than_the_newest_page(keys: list[int]) -> None:
    first = await page(newer=keys[3])
    assert keys_of(first) == [keys[6], keys[5], keys[4]]
    assert first.newer is None


async def test_it_shows_an_empty_page_of_nothing() -> None:
    assert await page() == Page([], None, None)


@pytest.mark.parametrize("nonsense", ["", "x", "-1", "1.5", "9" * 30])
async def test_it_takes_a_key_that_is_no_number_as_absent(keys: list[int], nonsense: str) -> None:
    assert await page_by_key(Recipient.objects.all(), nonsense, nonsense, size=3) == await page()
