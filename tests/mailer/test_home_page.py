"""The first page, as a visitor, a new user, a user, a manager and a superuser see it."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from core.clock import db_now, shifted
from core.models import User
from mailer.delivery.ledger import record
from mailer.delivery.schedule import run_schedule
from mailer.delivery.transitions import change_status
from mailer.models import Mailing, Message
from mailer.reasons import LOGIN_REFUSED, StatusReason
from mailer.stats.figures import Figures
from tests.support.mailings import make_crowd, make_mailing, make_recipients
from tests.support.processes import get, running_site, suite_variables
from tests.support.results import ACCEPTED, REJECTED, UNCERTAIN, a_worker, claimed, result
from tests.support.servers import free_port, start_redis

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


def text_of(client: Client, path: str = "/") -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


def started(owner: User, subject: str = "News") -> Mailing:
    if not owner.recipients.exists():
        make_crowd(owner, 4)
    return change_status(make_mailing(owner, subject=subject).pk, "start", owner)


def test_a_visitor_sees_what_it_is_and_the_three_public_figures(client: Client, owner: User, stranger: User) -> None:
    make_recipients(owner, "ana@example.com", "ben@example.com")
    make_recipients(stranger, "ANA@example.com")
    started(owner, "Confidential")
    make_mailing(stranger)
    shown = text_of(client)
    assert client.get("/").context["figures"] == Figures(mailings=2, active_mailings=1, recipients=2)
    assert "from your own server" in shown
    for link in ("/account/signup/", "/account/login/"):
        assert f'href="{link}"' in shown
    for secret in ("Confidential", owner.email, "ana@"):
        assert secret not in shown


@override_settings(SIGNUP_ENABLED=False)
def test_a_visitor_is_not_sent_to_a_closed_sign_up(client: Client) -> None:
    shown = text_of(client)
    assert "/account/signup/" not in shown
    assert 'href="/account/login/"' in shown


def test_a_visitor_sees_nobodys_page_by_asking_for_everybodys(client: Client, owner: User) -> None:
    started(owner, "Confidential")
    assert "Confidential" not in text_of(client, "/?whose=everybody")


def test_a_new_user_is_shown_three_steps(page: Client, owner: User) -> None:
    assert text_of(page).count("<s ") == 0
    make_recipients(owner, "ana@example.com")
    Message.objects.create(owner=owner, subject="Hi", body="x")
    shown = text_of(page)
    assert "Three steps" in shown
    assert shown.count("<s ") == 2
    make_mailing(owner)
    assert "Three steps" not in text_of(page)


def test_the_figures_agree_with_their_words_in_number(page: Client, manager: User, owner: User) -> None:
    make_recipients(owner, "ana@example.com")
    assert '<span class="figure-large">1</span><span class="muted small">Recipient</span>' in text_of(page)
    page.force_login(manager)
    assert ">Unique recipient</span>" in text_of(page, "/?whose=everybody")
    make_recipients(owner, "ben@example.com")
    assert ">Unique recipients</span>" in text_of(page, "/?whose=everybody")
    page.logout()
    assert ">Unique recipients</span>" in text_of(page)


def test_the_example_shows_no_attempt_with_a_status_that_none_has(client: Client) -> None:
    assert "state-badge state-deferred" not in text_of(client)


def test_the_figures_are_ones_own(page: Client, owner: User, stranger: User) -> None:
    started(stranger)
    started(owner)
    make_mailing(owner)
    assert page.get("/").context["figures"] == Figures(mailings=2, active_mailings=1, recipients=4)


def test_the_chart_has_a_table_with_the_same_numbers(page: Client, owner: User) -> None:
    started(owner)
    worker = a_worker()
    outcomes = [ACCEPTED, ACCEPTED, REJECTED, UNCERTAIN]
    record(worker, [result(*pair) for pair in zip(claimed(worker), outcomes, strict=True)])
    chart = page.get("/").context["chart"]
    assert [day[1:] for day in chart["drawn"] if any(day[1:])] == [[2, 1, 1]]  # today's, or at midnight yesterday's
    assert [(status, n) for status, _label, n in chart["totals"]] == [("success", 2), ("failure", 1), ("uncertain", 1)]
    shown = text_of(page)
    assert '<td class="text-end">2</td><td class="text-end">1</td><td class="text-end">1</td>' in shown
    assert shown.count('<th scope="row">') == 1


def test_what_runs_has_a_bar_with_a_socket_and_at_most_five_are_shown(page: Client, owner: User) -> None:
    mailings = [started(owner, f"News {n}") for n in range(7)]
    change_status(mailings[-1].pk, "pause", owner)
    shown = page.get("/").context["under_way"]
    assert [mailing.pk for mailing, *_rest in shown] == [mailing.pk for mailing in reversed(mailings[1:6])]
    assert f'data-live="/ws/mailings/{mailings[5].pk}/" data-status="sending"' in text_of(page)


def test_what_starts_next_comes_soonest_first(page: Client, owner: User) -> None:
    make_crowd(owner, 1)
    now = db_now()
    for hours in (3, 1, 9, 2, 5, 4):
        start = now + timedelta(hours=hours)
        later = make_mailing(owner, subject=f"In {hours}", starts_at=start, ends_at=start + timedelta(hours=1))
        change_status(later.pk, "schedule", owner)
    subjects = [mailing.message.subject for mailing in page.get("/").context["next_up"]]
    assert subjects == ["In 1", "In 2", "In 3", "In 4", "In 5"]


def test_a_mailing_that_an_error_paused_needs_attention(page: Client, owner: User) -> None:
    mailing = started(owner)
    change_status(mailing.pk, "pause", owner)
    assert not page.get("/").context["attention"]
    change_status(mailing.pk, "resume", owner)
    change_status(mailing.pk, "pause", None, reason=StatusReason(LOGIN_REFUSED, "535 <b>no</b>"))
    [found] = page.get("/").context["attention"]
    assert found.url == f"/mailings/{mailing.pk}/"
    assert "It says: 535 &lt;b&gt;no&lt;/b&gt;" in text_of(page)


def test_uncertain_deliveries_need_attention_until_they_are_settled(page: Client, owner: User) -> None:
    mailing = started(owner)
    worker = a_worker()
    record(worker, [result(claim, UNCERTAIN) for claim in claimed(worker)[:3]])
    [found] = page.get("/").context["attention"]
    assert "3 deliveries are uncertain" in found.sentence
    assert page.get(found.url).context["page"].rows[0].state == "uncertain"
    mailing.counts.filter(state="uncertain").update(n=0)
    assert not page.get("/").context["attention"]


def test_a_window_that_closed_with_mail_left_needs_attention_for_a_week(page: Client, owner: User) -> None:
    mailing = started(owner)
    with shifted(timedelta(hours=2)):
        run_schedule()
        [found] = page.get("/").context["attention"]
        assert found.sentence == "The window ended with 4 not sent."
        assert len(page.get(found.url).context["page"].rows) == 4
    with shifted(timedelta(days=8)):
        assert not page.get("/").context["attention"]
    assert mailing.pk == found.mailing.pk


@pytest.mark.parametrize("who", ["manager", "superuser"])
def test_managers_and_superusers_may_look_at_everybodys(
    request: pytest.FixtureRequest, client: Client, owner: User, who: str
) -> None:
    mailing = started(owner)
    change_status(mailing.pk, "pause", None, reason=StatusReason(LOGIN_REFUSED, "535"))
    client.force_login(request.getfixturevalue(who))
    assert "Three steps" in text_of(client)  # one's own, unless asked
    assert client.get("/").context["figures"] == Figures(0, 0, 0)
    everybody = client.get("/?whose=everybody")
    assert everybody.context["figures"] == Figures(mailings=1, active_mailings=0, recipients=4)
    assert everybody.content.decode().count(owner.email) == 2  # what is under way, what needs attention
    assert client.get(f"/mailings/{mailing.pk}/").status_code == 200


def test_others_may_not(page: Client, stranger: User) -> None:
    started(stranger, "Confidential")
    response = page.get("/?whose=everybody")
    assert (response.context["whose"], response.context["figures"]) == ("", Figures(0, 0, 0))
    assert "Confidential" not in response.content.decode()
    assert "Everybody’s" not in response.content.decode()


def test_it_asks_no_more_for_a_thousand_mailings_than_for_five(page: Client, owner: User) -> None:
    started(owner)
    message = Message.objects.create(owner=owner, subject="x", body="x")
    now = db_now()

    def make(n: int) -> None:
        Mailing.objects.bulk_create(
            Mailing(owner=owner, message=message, starts_at=now, ends_at=now + timedelta(hours=1), status=status)
            for status in ("sending", "scheduled")
            for _n in range(n)
        )

    make(5)
    with CaptureQueriesContext(connection) as few:
        text_of(page)
    make(495)
    with CaptureQueriesContext(connection) as many:
        assert "1,001" in text_of(page)
    assert len(many) == len(few)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fate", [signal.SIGSTOP, signal.SIGKILL], ids=["freezes", "dies"])
def test_the_page_comes_soon_when_redis(
    owner: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fate: signal.Signals
) -> None:
    make_crowd(owner, 7)
    monkeypatch.delenv("TEST_REDIS_URL", raising=False)  # one of its own, to do to it as we please
    server = start_redis(tmp_path)
    variables = suite_variables() | {"CACHE_ENABLED": "True", "REDIS_URL": server.url}
    running = running_site(settings.BASE_DIR, "--noreload", port=free_port(), **variables)
    with redis.Redis.from_url(server.url) as client, running as site:
        process: int = client.info("server")["process_id"]
        deadline = time.monotonic() + 60
        while not client.exists(":1:home-1-public"):  # a Redis that was slow once is left alone for ten seconds
            assert time.monotonic() < deadline
            get(f"{site}/")
        os.kill(process, fate)
        try:
            for _look in range(2):
                began = time.monotonic()
                status, shown = get(f"{site}/")
                assert time.monotonic() - began < 8  # it takes one: a time-out of a half, and the page
                assert status == 200
                assert '<span class="figure-large">7</span>' in shown
        finally:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)
            server.stop()
