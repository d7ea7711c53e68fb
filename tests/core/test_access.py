from __future__ import annotations

from typing import cast

import pytest
from django.http import Http404
from django.test import RequestFactory

from core.access import SignedInRequest, owned, visible_to
from core.models import User
from mailer.models import Recipient


@pytest.fixture
def recipient(owner: User) -> Recipient:
    return Recipient.objects.create(owner=owner, email="someone@example.com")


def request_of(user: User) -> SignedInRequest:
    request = cast("SignedInRequest", RequestFactory().get("/"))
    request.user = user
    return request


async def test_it_gives_an_owner_their_object(owner: User, recipient: Recipient) -> None:
    assert await owned(request_of(owner), Recipient.objects.all(), recipient.pk) == recipient


async def test_it_gives_a_superuser_everybodys(superuser: User, recipient: Recipient) -> None:
    assert await owned(request_of(superuser), Recipient.objects.all(), recipient.pk) == recipient


async def test_it_hides_it_from_a_stranger_as_if_it_were_not_there(stranger: User, recipient: Recipient) -> None:
    with pytest.raises(Http404):
        await owned(request_of(stranger), Recipient.objects.all(), recipient.pk)
    with pytest.raises(Http404):
        await owned(request_of(stranger), Recipient.objects.all(), recipient.pk + 1)


def test_it_lists_only_what_is_visible(owner: User, stranger: User, superuser: User, recipient: Recipient) -> None:
    seen = {user.email: list(visible_to(user, Recipient.objects.all())) for user in (owner, stranger, superuser)}
    assert list(seen.values()) == [[recipient], [], [recipient]]
