"""Rows made from rows inside the database."""

from __future__ import annotations

import pytest
from django.db.models import F, QuerySet, Value
from django.db.models.expressions import Combinable

from core.models import User
from mailer.delivery.insert_select import insert_select
from mailer.models import Mailing, Recipient
from tests.support.mailings import make_crowd, make_mailing

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "nobody", [Recipient.objects.none(), Recipient.objects.filter(pk__in=[]), Recipient.objects.filter(pk=0)]
)
def test_it_makes_nothing_from_nothing(owner: User, nobody: QuerySet[Recipient]) -> None:
    make_crowd(owner, 1)
    values: dict[str, Combinable] = {"mailing_id": Value(make_mailing(owner).pk), "recipient_id": F("pk")}
    assert insert_select(Mailing.recipients.through, nobody, values, holds_rows=True) == 0
    assert not Mailing.recipients.through.objects.exists()
