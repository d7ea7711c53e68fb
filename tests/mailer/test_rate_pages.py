"""The sending rate on the pages: set in a mailing's form, changed while it runs; the site's by superusers."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from core.models import User
from mailer.delivery.transitions import change_status
from mailer.models import AuditEntry, Mailing, Throttle
from mailer.rates import Rate
from mailer.stats.progress import mailing_progress
from mailer.throttling import held_to, set_rate, site_rate
from tests.support.forms import opened
from tests.support.mailings import make_crowd, make_mailing
from tests.support.waiting import committed_once_somebody_waits, with_many_writers

pytestmark = pytest.mark.django_db


@pytest.fixture
def mailing(owner: User) -> Mailing:
    make_crowd(owner, 120)
    return make_mailing(owner)


def text_of(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def changes(mailing: Mailing | None) -> list[tuple[str | None, str, str]]:
    entries = AuditEntry.objects.filter(action="throttle", mailing=mailing).order_by("pk")
    return list(entries.values_list("actor__email", "before", "after"))


def test_it_is_set_where_a_mailing_is_made_and_edited(mailing: Mailing, page: Client) -> None:
    form: dict[str, Any] = {"message": mailing.message_id, "audience": "everyone", "most": "90", "period": "60"}
    form |= {"starts_at": "2031-01-01T09:00", "ends_at": "2031-01-02T09:00"}
    assert page.post("/mailings/new/", form).status_code == 302
    made = Mailing.objects.latest("pk")
    assert held_to(made.pk).own == Rate(90, 60)
    path = f"/mailings/{made.pk}/edit/"
    assert {"most": 90, "period": 60}.items() <= opened(page, path).items()
    assert page.post(path, form | {"most": ""}).status_code == 302
    assert held_to(made.pk).own is None
    assert changes(made) == [
        ("owner@example.com", "no_limit", "90/min"),
        ("owner@example.com", "90/min", "no_limit"),
    ]


def test_two_who_edit_it_are_told(mailing: Mailing, page: Client) -> None:
    path = f"/mailings/{mailing.pk}/edit/"
    mine = opened(page, path)
    page.post(path, opened(page, path) | {"most": "7", "period": "1"})
    told = page.post(path, mine | {"most": "8", "period": "60"})
    assert told.status_code == 409
    assert told.context["form"].saved_now == [("At most", "7"), ("mails per", "second")]


@pytest.mark.parametrize("field", [{"most": "0"}, {"most": "-1"}, {"most": "x"}, {"most": "100001"}, {"period": "7"}])
def test_nonsense_is_refused(mailing: Mailing, superuser: User, page: Client, field: dict[str, str]) -> None:
    path = f"/mailings/{mailing.pk}/edit/"
    data = {"most": "5", "period": "1"} | field
    assert page.post(path, opened(page, path) | data).status_code == 200
    assert "text-danger" in page.post(f"/mailings/{mailing.pk}/rate/", data).content.decode()
    page.force_login(superuser)
    assert "text-danger" in page.post("/sending-rate/", data).content.decode()
    assert not Throttle.objects.exists()


def test_its_page_says_how_long_it_will_take(mailing: Mailing, owner: User, page: Client) -> None:
    path = f"/mailings/{mailing.pk}/"
    assert "At most" not in text_of(page, path)
    set_rate(owner, Rate(60, 60), mailing)
    assert "At most 60 per minute. That takes 2 min 0 s." in text_of(page, path)


def test_it_is_changed_while_it_runs(mailing: Mailing, owner: User, page: Client) -> None:
    change_status(mailing.pk, "start", owner)
    path = f"/mailings/{mailing.pk}/"
    assert "As fast as the mail server takes it." in text_of(page, path)
    response = page.post(f"{path}rate/", {"most": "2", "period": "1"})
    assert response["Location"] == path
    shown = text_of(page, path)
    assert "At most 2 per second." in shown
    assert "no limit → 2 per second" in shown
    page.post(f"{path}rate/", {"most": "2", "period": "1"})  # which changes nothing
    page.post(f"{path}rate/", {"most": "", "period": "1"})
    assert not Throttle.objects.exists()
    assert changes(mailing) == [("owner@example.com", "no_limit", "2/s"), ("owner@example.com", "2/s", "no_limit")]


def test_the_time_that_is_left_follows_the_limit_at_once(mailing: Mailing, owner: User) -> None:
    change_status(mailing.pk, "start", owner)
    Mailing.objects.update(materialised_at=mailing.created_at)
    assert mailing_progress(mailing.pk).seconds_left is None
    set_rate(owner, Rate(30, 60), mailing)
    progress = mailing_progress(mailing.pk)
    assert (progress.seconds_left, progress.limit) == (240, "30/min")
    set_rate(owner, Rate(10, 60), None)
    progress = mailing_progress(mailing.pk)
    assert (progress.seconds_left, progress.limit) == (720, "10/min")


def test_the_sites_limit_is_set_by_superusers_and_told_to_all(
    mailing: Mailing, owner: User, superuser: User, client: Client
) -> None:
    client.force_login(superuser)
    assert client.post("/sending-rate/", {"most": "1500", "period": "60"}).status_code == 302
    assert site_rate() == Rate(1500, 60)
    assert "no limit → 1,500 per minute" in text_of(client, "/sending-rate/")
    assert "/sending-rate/" in text_of(client, "/")
    client.force_login(owner)
    set_rate(owner, Rate(30, 1), mailing)
    assert "At most 1,500 per minute: the limit of the whole site." in text_of(client, f"/mailings/{mailing.pk}/")
    assert "The whole site sends at most 1,500 per minute." in text_of(client, f"/mailings/{mailing.pk}/rate/")
    set_rate(owner, Rate(3, 1), mailing)
    assert "At most 3 per second." in text_of(client, f"/mailings/{mailing.pk}/")
    assert "/sending-rate/" not in text_of(client, "/")
    assert changes(None) == [("superuser@example.com", "no_limit", "1500/min")]


def test_only_ones_own_is_changed(mailing: Mailing, stranger: User, manager: User, client: Client) -> None:
    for user in (stranger, manager):
        client.force_login(user)
        for path in (f"/mailings/{mailing.pk}/rate/", "/sending-rate/"):
            assert client.get(path).status_code == 404
            assert client.post(path, {"most": "1", "period": "60"}).status_code == 404
    assert not Throttle.objects.exists()
    client.force_login(manager)
    change_status(mailing.pk, "start", mailing.owner)
    assert f"/mailings/{mailing.pk}/rate/" not in text_of(client, f"/mailings/{mailing.pk}/")


def test_a_superuser_changes_anybodys(mailing: Mailing, superuser: User, client: Client) -> None:
    client.force_login(superuser)
    client.post(f"/mailings/{mailing.pk}/rate/", {"most": "4", "period": "60"})
    assert changes(mailing) == [("superuser@example.com", "no_limit", "4/min")]


def test_a_duplicate_has_the_same_rate(mailing: Mailing, owner: User, page: Client) -> None:
    set_rate(owner, Rate(9, 1), mailing)
    page.post(f"/mailings/{mailing.pk}/duplicate/")
    assert held_to(Mailing.objects.latest("pk").pk).own == Rate(9, 1)


def test_a_draft_is_deleted_with_its_rate(mailing: Mailing, owner: User, page: Client) -> None:
    set_rate(owner, Rate(9, 1), mailing)
    page.post(f"/mailings/{mailing.pk}/delete/")
    assert not Throttle.objects.exists()


@with_many_writers
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("act", ["edit", "delete"])
def test_who_edits_or_deletes_a_mailing_waits_for_who_changes_its_rate(
    mailing: Mailing, owner: User, page: Client, act: str
) -> None:
    set_rate(owner, Rate(5, 1), mailing)
    form: dict[str, Any] = {"message": mailing.message_id, "audience": "everyone", "most": "7", "period": "1"}
    form |= {"starts_at": "2031-01-01T09:00", "ends_at": "2031-01-02T09:00"}
    with committed_once_somebody_waits(lambda: set_rate(owner, Rate(6, 1), mailing)):
        assert page.post(f"/mailings/{mailing.pk}/{act}/", form).status_code == 302
    left = [] if act == "delete" else [("no_limit", "5/s"), ("5/s", "6/s"), ("6/s", "7/s")]
    assert [change[1:] for change in changes(mailing)] == left


@with_many_writers
@pytest.mark.django_db(transaction=True)
def test_a_mailing_that_is_deleted_meanwhile_has_no_rate(mailing: Mailing, page: Client) -> None:
    with committed_once_somebody_waits(Mailing.objects.filter(pk=mailing.pk).delete):
        assert page.post(f"/mailings/{mailing.pk}/rate/", {"most": "7", "period": "1"}).status_code == 404
    assert not Throttle.objects.exists()
