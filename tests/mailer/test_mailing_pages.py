from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import AsyncClient, Client

from core.clock import db_now, shifted
from core.models import User
from mailer.delivery.lease import renew_lease
from mailer.delivery.ledger import record
from mailer.delivery.schedule import run_schedule
from mailer.delivery.transitions import change_status
from mailer.models import AuditEntry, Delivery, Mailing, Message
from mailer.reasons import LOGIN_REFUSED, StatusReason
from tests.support.mailings import counted, make_crowd, make_mailing, make_recipients
from tests.support.results import ACCEPTED, DEFERRED, REJECTED, a_worker, claimed, result
from tests.support.suppressions import suppress_for

pytestmark = pytest.mark.django_db

SignedIn = Callable[[User], AsyncClient]
EVERY_PAGE = ["", "edit/", "delete/", "audience/", "deliveries/", "attempts/", "cancel/", "start/"]


@pytest.fixture
def mailing(owner: User) -> Mailing:
    make_crowd(owner, 3)
    return make_mailing(owner, subject="Spring <b>news</b>")


def text_of(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


def local(moment: Any) -> str:
    return f"{moment:%Y-%m-%dT%H:%M}"


def test_it_lists_searches_and_filters(mailing: Mailing, page: Client) -> None:
    assert "Spring &lt;b&gt;news" in text_of(page, "/mailings/?q=spring&status=draft")
    assert "No such mailing" in text_of(page, "/mailings/?status=sending")
    assert "No such mailing" in text_of(page, "/mailings/?q=autumn&status=nonsense")


def test_an_empty_list_says_what_to_do(stranger: User, client: Client) -> None:
    client.force_login(stranger)
    assert "Make the first one" in text_of(client, "/mailings/")
    assert "First write a message" in text_of(client, "/mailings/new/")
    assert "Three steps" in text_of(client, "/")


def test_it_makes_a_mailing_to_everyone(owner: User, page: Client) -> None:
    message = Message.objects.create(owner=owner, subject="Hi", body="x")
    form = {
        "message": message.pk,
        "audience": "everyone",
        "starts_at": "2031-01-01T09:00",
        "ends_at": "2031-01-02T09:00",
    }
    response = page.post("/mailings/new/", form)
    mailing = Mailing.objects.get()
    assert response["Location"] == f"/mailings/{mailing.pk}/"
    assert (mailing.owner, mailing.everyone, mailing.status) == (owner, True, "draft")
    assert mailing.starts_at.isoformat() == "2031-01-01T09:00:00+00:00"


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("ends_at", "2031-01-01T08:00", "must come after the start"),
        ("ends_at", "2001-01-01T08:00", "passed already"),
        ("starts_at", "not a time", "Write a date"),
        ("starts_at", "2031-02-31T08:00", "no such date"),
        ("starts_at", "0001-01-01T08:00", "out of range"),
        ("ends_at", "9999-12-31T23:59", "out of range"),
        ("message", "999999", "valid choice"),
        ("message", "", "required"),
        ("audience", "strangers", "valid choice"),
    ],
)
def test_it_says_what_is_wrong_and_loses_nothing(
    owner: User, page: Client, field: str, value: str, complaint: str
) -> None:
    message = Message.objects.create(owner=owner, subject="Hi", body="x")
    form = {"message": message.pk, "audience": "chosen", "starts_at": "2031-01-01T09:00", "ends_at": "2031-01-02T09:00"}
    response = page.post("/mailings/new/", form | {field: value})
    assert complaint in str(response.context["form"].errors[field])
    assert response.context["form"]["audience"].value() == (value if field == "audience" else "chosen")
    assert not Mailing.objects.exists()


def test_a_strangers_message_is_no_choice(stranger: User, mailing: Mailing, client: Client) -> None:
    client.force_login(stranger)
    Message.objects.create(owner=stranger, subject="own", body="x")
    form = {
        "message": mailing.message_id,
        "audience": "everyone",
        "starts_at": "2031-01-01T09:00",
        "ends_at": "2031-01-02T09:00",
    }
    assert client.post("/mailings/new/", form).context["form"].errors["message"]
    assert client.get(f"/mailings/new/?message={mailing.message_id}").status_code == 404


@pytest.mark.parametrize(
    ("time", "complaint"),
    [("2031-03-30T02:30", "does not exist"), ("2031-10-26T02:30", None)],
)
def test_a_time_that_a_clock_change_skips_is_refused(
    owner: User, page: Client, settings: Any, time: str, complaint: str | None
) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    message = Message.objects.create(owner=owner, subject="Hi", body="x")
    form = {"message": message.pk, "audience": "everyone", "starts_at": "2031-01-01T09:00", "ends_at": time}
    response = page.post("/mailings/new/", form)
    if complaint:
        assert complaint in str(response.context["form"].errors["ends_at"])
    else:
        assert response.status_code == 302
    if time == "2031-10-26T02:30":
        assert Mailing.objects.get().ends_at.isoformat() == "2031-10-26T00:30:00+00:00"
        assert "twice" in text_of(page, response["Location"])


def test_it_is_edited_until_it_is_launched(mailing: Mailing, owner: User, page: Client) -> None:
    form = {
        "message": mailing.message_id,
        "audience": "chosen",
        "starts_at": local(mailing.starts_at),
        "ends_at": local(mailing.ends_at + timedelta(days=1)),
    }
    assert page.post(f"/mailings/{mailing.pk}/edit/", form)["Location"] == f"/mailings/{mailing.pk}/audience/"
    mailing.refresh_from_db()
    assert not mailing.everyone
    Mailing.objects.update(everyone=True)
    change_status(mailing.pk, "start", owner)
    assert page.get(f"/mailings/{mailing.pk}/edit/")["Location"] == f"/mailings/{mailing.pk}/"
    page.post(f"/mailings/{mailing.pk}/edit/", form)
    assert Mailing.objects.get().everyone


def test_send_now_says_to_how_many_and_a_double_click_sends_once(mailing: Mailing, page: Client) -> None:
    assert "Send to 3 recipients now?" in text_of(page, f"/mailings/{mailing.pk}/start/")
    for _click in range(2):
        assert page.post(f"/mailings/{mailing.pk}/start/")["Location"] == f"/mailings/{mailing.pk}/"
    assert counted(mailing) == {"queued": 3}
    assert AuditEntry.objects.filter(action="start").count() == 1
    assert "not possible now" in text_of(page, f"/mailings/{mailing.pk}/")


def test_every_transition_has_its_button(mailing: Mailing, page: Client) -> None:
    for action, status in (
        ("schedule", "scheduled"),
        ("unschedule", "draft"),
        ("start", "sending"),
        ("pause", "paused"),
        ("resume", "sending"),
        ("cancel", "cancelled"),
    ):
        assert f"/mailings/{mailing.pk}/{action}/" in text_of(page, f"/mailings/{mailing.pk}/")
        page.post(f"/mailings/{mailing.pk}/{action}/")
        assert Mailing.objects.get().status == status
    assert page.post(f"/mailings/{mailing.pk}/complete/").status_code == 404


def test_to_how_many_it_goes_is_told_where_the_suppressed_are_counted(
    mailing: Mailing, owner: User, page: Client
) -> None:
    suppress_for(owner, "r0@example.com")
    shown = text_of(page, f"/mailings/{mailing.pk}/")
    assert re.search(r">Send now\s*</a>", shown)
    assert "Everyone: 3" in shown
    assert re.search(r">Send now\s* · 2</button>", text_of(page, f"/mailings/{mailing.pk}/start/"))


def test_cancel_asks_first(mailing: Mailing, owner: User, page: Client) -> None:
    change_status(mailing.pk, "start", owner)
    assert "3 deliveries are still open" in text_of(page, f"/mailings/{mailing.pk}/cancel/")
    assert Mailing.objects.get().status == "sending"


@pytest.mark.parametrize("action", ["schedule", "start", "pause", "resume", "unschedule", "cancel"])
def test_what_is_not_possible_any_more_is_said_and_has_no_button(
    mailing: Mailing, owner: User, page: Client, action: str
) -> None:
    change_status(mailing.pk, "start", owner)
    change_status(mailing.pk, "cancel", owner)
    shown = text_of(page, f"/mailings/{mailing.pk}/{action}/")
    main = shown[shown.index("<main") : shown.index("</main>")]
    assert "This mailing is cancelled: that is not possible now." in main
    assert "<button" not in main
    assert f'href="/mailings/{mailing.pk}/">Back<' in main


def test_after_the_window_send_now_asks_for_a_new_end(mailing: Mailing, page: Client) -> None:
    Mailing.objects.update(starts_at=db_now() - timedelta(days=2), ends_at=db_now() - timedelta(days=1))
    assert "you choose a new end" in text_of(page, f"/mailings/{mailing.pk}/")
    assert "Choose a new end" in text_of(page, f"/mailings/{mailing.pk}/start/")
    refused = page.post(f"/mailings/{mailing.pk}/start/", {"ends_at": "2001-01-01T00:00"})
    assert "passed already" in refused.content.decode()
    page.post(f"/mailings/{mailing.pk}/start/", {"ends_at": "2031-01-01T00:00"})
    assert Mailing.objects.get().status == "sending"


def test_the_page_tells_the_truth(mailing: Mailing, owner: User, page: Client) -> None:
    change_status(mailing.pk, "start", owner)
    assert "No sender is running" in text_of(page, f"/mailings/{mailing.pk}/")
    worker = a_worker()
    claims = claimed(worker)
    record(worker, [result(c, o) for c, o in zip(claims, [ACCEPTED, REJECTED, DEFERRED], strict=True)])
    shown = text_of(page, f"/mailings/{mailing.pk}/")
    assert "550 5.1.1 No such user" in shown
    assert "The next try is at" in shown
    assert 'data-count="sent"' in shown
    renew_lease(worker, "Connection refused by mail.example.com:25")
    assert "Connection refused by mail.example.com:25" in text_of(page, f"/mailings/{mailing.pk}/")
    assert "Connection refused" in text_of(page, "/")
    renew_lease(worker, "")
    change_status(mailing.pk, "pause", None, reason=StatusReason(LOGIN_REFUSED, "535 login refused <i>"))
    assert "535 login refused &lt;i&gt;" in text_of(page, f"/mailings/{mailing.pk}/")


@pytest.mark.parametrize(("minutes", "words"), [(60, "next try "), (2, "no further try before the window ends")])
def test_the_ledger_says_when_a_deferred_one_is_tried_again(
    mailing: Mailing, owner: User, page: Client, minutes: int, words: str
) -> None:
    change_status(mailing.pk, "start", owner)
    Mailing.objects.update(ends_at=db_now() + timedelta(minutes=minutes))
    worker = a_worker()
    claim = claimed(worker, 1)[0]
    record(worker, [result(claim, DEFERRED)])
    assert words in text_of(page, f"/mailings/{mailing.pk}/deliveries/")
    assert words in text_of(page, f"/mailings/{mailing.pk}/deliveries/{claim.delivery_id}/")


def test_the_ledger_is_paged_filtered_and_searched(mailing: Mailing, owner: User, page: Client) -> None:
    make_recipients(owner, *(f"more{n}@example.com" for n in range(60)))
    change_status(mailing.pk, "start", owner)
    worker = a_worker()
    record(worker, [result(claim, REJECTED if n == 0 else ACCEPTED) for n, claim in enumerate(claimed(worker))])
    first = page.get(f"/mailings/{mailing.pk}/deliveries/")
    assert len(first.context["page"].rows) == 50
    second = page.get(f"/mailings/{mailing.pk}/deliveries/?older={first.context['page'].older}")
    assert len(second.context["page"].rows) == 13
    failed = page.get(f"/mailings/{mailing.pk}/deliveries/?state=failed&q=R0")
    (delivery,) = failed.context["page"].rows
    assert "550 5.1.1" in failed.content.decode()
    assert "No such user" in text_of(page, f"/mailings/{mailing.pk}/deliveries/{delivery.pk}/")
    assert len(page.get(f"/mailings/{mailing.pk}/attempts/?status=failure").context["page"].rows) == 1
    assert page.get(f"/mailings/{mailing.pk}/deliveries/?older={'9' * 30}&newer=x").status_code == 200
    assert page.get(f"/mailings/{mailing.pk}/deliveries/{'9' * 30}/").status_code == 404
    assert page.get(f"/mailings/{'9' * 30}/").status_code == 404


def test_deleting_asks_first_and_never_deletes_a_ledger(mailing: Mailing, owner: User, page: Client) -> None:
    assert "goes for good" in text_of(page, f"/mailings/{mailing.pk}/delete/")
    change_status(mailing.pk, "start", owner)
    assert "stays in the ledger" in text_of(page, f"/mailings/{mailing.pk}/delete/")
    assert page.post(f"/mailings/{mailing.pk}/delete/").status_code == 409
    assert Delivery.objects.count() == 3
    draft = make_mailing(owner)
    page.post(f"/mailings/{draft.pk}/delete/")
    assert not Mailing.objects.filter(pk=draft.pk).exists()


def test_a_scheduled_mailing_can_be_deleted_with_its_history(mailing: Mailing, owner: User, page: Client) -> None:
    change_status(mailing.pk, "schedule", owner)
    page.post(f"/mailings/{mailing.pk}/delete/")
    assert not Mailing.objects.exists()


def test_a_duplicate_is_a_fresh_draft(mailing: Mailing, owner: User, page: Client) -> None:
    mailing.everyone = False
    mailing.save()
    mailing.recipients.add(*owner.recipients.all()[:2])
    change_status(mailing.pk, "start", owner)
    with shifted(timedelta(days=2)):
        page.post(f"/mailings/{mailing.pk}/duplicate/")
        copy = Mailing.objects.latest("pk")
        assert (copy.status, copy.message_id, copy.everyone, copy.recipients.count()) == (
            "draft",
            mailing.message_id,
            False,
            2,
        )
        assert copy.ends_at > db_now()


@pytest.mark.parametrize("path", EVERY_PAGE)
async def test_a_stranger_finds_nothing(stranger: User, mailing: Mailing, signed_in: SignedIn, path: str) -> None:
    client = signed_in(stranger)
    assert (await client.get(f"/mailings/{mailing.pk}/{path}")).status_code == 404
    assert (await client.post(f"/mailings/{mailing.pk}/{path}")).status_code in (404, 405)
    assert (await client.post(f"/mailings/{mailing.pk}/duplicate/")).status_code == 404
    assert (await Mailing.objects.aget()).status == "draft"


@pytest.mark.parametrize("path", EVERY_PAGE)
async def test_a_superuser_finds_everything(superuser: User, mailing: Mailing, signed_in: SignedIn, path: str) -> None:
    assert (await signed_in(superuser).get(f"/mailings/{mailing.pk}/{path}")).status_code in (200, 302)


@pytest.mark.parametrize("path", EVERY_PAGE)
async def test_a_visitor_is_asked_to_sign_in(async_client: AsyncClient, mailing: Mailing, path: str) -> None:
    response = await async_client.get(f"/mailings/{mailing.pk}/{path}")
    assert response["Location"].startswith("/account/login/")


def test_home_shows_what_is_under_way(mailing: Mailing, owner: User, page: Client) -> None:
    change_status(mailing.pk, "start", owner)
    change_status(make_mailing(owner, subject="Later").pk, "schedule", owner)
    shown = text_of(page, "/")
    assert "Under way" in shown
    assert "Later" in shown


def test_that_a_window_ended_with_mail_unsent_is_a_warning(mailing: Mailing, page: Client, owner: User) -> None:
    change_status(mailing.pk, "start", owner)
    with shifted(timedelta(hours=2)):
        run_schedule()
    notice = text_of(page, f"/mailings/{mailing.pk}/").partition('<div class="alert mb-4 ')[2]
    assert notice.startswith("alert-warning")
    assert "The window ended with 3 not sent." in notice
