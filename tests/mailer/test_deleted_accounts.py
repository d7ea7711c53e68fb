"""An account that is deleted while its recipients change: both come to their end, one after the other."""

from __future__ import annotations

import pytest
from django.test import Client

from core.models import User
from mailer.models import Recipient
from tests.support.mailings import make_recipients
from tests.support.waiting import committed_once_somebody_waits, with_many_writers

pytestmark = [pytest.mark.django_db(transaction=True), with_many_writers]


def test_it_is_deleted_where_an_import_and_it_have_waited_for_one_another(
    owner: User, superuser: User, client: Client
) -> None:
    first, last = make_recipients(owner, "ana@example.com", "ben@example.com")
    client.force_login(superuser)

    def update(recipient: Recipient) -> None:
        Recipient.objects.filter(pk=recipient.pk).update(full_name="Renamed")  # as an import, set by set

    with committed_once_somebody_waits(lambda: update(last), lambda: update(first)):
        deleted = client.post(f"/admin/core/user/{owner.pk}/delete/", {"post": "yes"})
    assert deleted.status_code == 302
    assert not User.objects.filter(pk=owner.pk).exists()
    assert not Recipient.objects.exists()
