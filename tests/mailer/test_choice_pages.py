"""The pages on which a person decides about what was not sent, or is not known."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils.html import strip_tags

from core.clock import db_now
from core.models import User
from mailer.delivery.ledger import record
from mailer.delivery.outcome import Phase, Reply, classify_reply
from mailer.delivery.schedule import run_schedule
from mailer.delivery.transitions import change_status
from mailer.models import AuditEntry, Decision, Delivery, Mailing, Suppression
from tests.support.mailings import counted, make_crowd, make_mailing, really_counted, states
from tests.support.results import ACCEPTED, UNCERTAIN, a_worker, claimed, result
from tests.support.suppressions import suppress_for

pytestmark = pytest.mark.django_db

MAILBOX_GONE = classify_reply(Phase.RCPT, Reply(550, "5.1.1 <i>No</i> such user"))
TOO_SPAMMY = classify_reply(Phase.BODY, Reply(554, "5.7.1 Looks like spam"))
CHOICES = ["retry_failed", "extend", "resend", "treat_as_sent"]


@pytest.fixture
def mailing(owner: User) -> Mailing:
    """Completed: one sent, three failed, two of them hard bounces and so suppressed, two uncertain."""
    make_crowd(owner, 6)
    mailing = change_status(make_mailing(owner).pk, "start", owner)
    worker = a_worker()
    outcomes = [ACCEPTED, MAILBOX_GONE, MAILBOX_GONE, TOO_SPAMMY, UNCERTAIN, UNCERTAIN]
    record(worker, [result(c, o) for c, o in zip(claimed(worker), outcomes, strict=True)])
    run_schedule()
    return mailing


def text_of(client: Client, path: str) -> str:
    response = client.get(path, follow=True)
    assert response.status_code == 200
    return response.content.decode()


def words_of(client: Client, path: str) -> str:
    return " ".join(strip_tags(text_of(client, path)).split())


def seen_on(client: Client, path: str) -> str:
    """The form's hidden field: what the person has seen when the page was made."""
    found = re.search(r'name="seen" value="(\d+)"', text_of(client, path))
    assert found
    return found[1]


def end_the_window(mailing: Mailing) -> None:
    now = db_now()
    Mailing.objects.filter(pk=mailing.pk).update(starts_at=now - timedelta(hours=2), ends_at=now - timedelta(hours=1))


def delivery(email: str) -> Delivery:
    return Delivery.objects.get(email=email)


def test_the_mailings_page_says_what_was_not_sent_and_why(mailing: Mailing, page: Client) -> None:
    shown = words_of(page, f"/mailings/{mailing.pk}/")
    assert "What was not sent" in shown
    assert "3 failed" in shown
    assert "2 uncertain" in shown
    assert "expired" not in shown
    assert "2 × 550 5.1.1, for example: &lt;i&gt;No&lt;/i&gt; such user" in shown
    assert "1 × 554 5.7.1 Looks like spam" in shown
    html = text_of(page, f"/mailings/{mailing.pk}/")
    assert f'href="/mailings/{mailing.pk}/deliveries/?state=uncertain"' in html
    for choice in ("retry_failed", "resend", "treat_as_sent"):
        assert f"/mailings/{mailing.pk}/choose/{choice}/" in html


def test_it_says_nothing_where_all_was_sent(owner: User, page: Client) -> None:
    make_crowd(owner, 1)
    mailing = change_status(make_mailing(owner).pk, "start", owner)
    worker = a_worker()
    record(worker, [result(claim, ACCEPTED) for claim in claimed(worker)])
    assert "What was not sent" not in text_of(page, f"/mailings/{mailing.pk}/")


def test_its_cost_does_not_grow_with_the_mailing(
    mailing: Mailing, page: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailer.not_sent.MOST_LOOKED_AT", 1)
    shown = words_of(page, f"/mailings/{mailing.pk}/")
    assert "1 × 554 5.7.1" in shown
    assert "Of the newest 1." in shown
    assert "550 5.1.1" not in shown.partition("Attempts")[0]


def test_retry_failed_is_one_click_and_a_double_click_does_it_once(mailing: Mailing, page: Client) -> None:
    seen = seen_on(page, f"/mailings/{mailing.pk}/")
    first = page.post(f"/mailings/{mailing.pk}/choose/retry_failed/", {"seen": seen}, follow=True)
    assert "1 delivery is queued again." in first.content.decode()
    second = page.post(f"/mailings/{mailing.pk}/choose/retry_failed/", {"seen": seen}, follow=True)
    assert "the addresses that are left are suppressed" in second.content.decode()
    assert counted(mailing) == {"sent": 1, "failed": 2, "queued": 1, "uncertain": 2} == really_counted(mailing)
    assert AuditEntry.objects.filter(action="retry_failed").count() == 1
    assert Mailing.objects.get().status == "sending"


def test_what_is_suppressed_is_not_offered_to_be_sent_and_it_says_why(mailing: Mailing, page: Client) -> None:
    path = f"/mailings/{mailing.pk}/"
    retry, reason = f"{path}choose/retry_failed/", "2 of the addresses are suppressed: they get no mail"
    assert reason in words_of(page, path)
    assert retry in text_of(page, path)
    listed = f"{path}deliveries/?state=failed"
    assert "Retry failed · 1" in words_of(page, listed)
    assert reason in words_of(page, listed)
    suppress_for(mailing.owner, delivery("r3@example.com").address_key)
    suppress_for(None, "r4@example.com")
    for where in (path, listed):
        html = text_of(page, where)
        assert retry not in html
        assert "3 of the addresses are suppressed" in html
        assert 'href="/suppressions/"' in html
    assert f"{path}choose/resend/" in text_of(page, path)
    searched = text_of(page, f"{path}deliveries/?state=uncertain&q=r4")
    assert "choose/resend" not in searched
    assert "choose/treat_as_sent" in searched


def test_a_suppressed_delivery_alone_is_not_offered_either(mailing: Mailing, page: Client) -> None:
    of_one = f"/mailings/{mailing.pk}/deliveries/{delivery('r1@example.com').pk}/"
    html = text_of(page, of_one)
    assert f"{of_one}retry_failed/" not in html
    assert "The address is suppressed" in html
    assert 'href="/suppressions/?q=r1%40example.com"' in html
    assert "Nothing was queued" in text_of(page, f"{of_one}retry_failed/")
    refused = page.post(f"{of_one}retry_failed/", {"seen": "0"}, follow=True)
    assert refused.redirect_chain == [(of_one, 302)]
    assert "Nothing was queued" in refused.content.decode()
    assert states(mailing)["r1@example.com"] == "failed"
    Suppression.objects.filter(address_key="r1@example.com").update(lifted_at=db_now())
    assert f"{of_one}retry_failed/" in text_of(page, of_one)


@pytest.mark.parametrize("data", [{}, {"seen": "x"}, {"seen": "-1"}])
def test_without_having_seen_the_page_it_asks(mailing: Mailing, page: Client, data: dict[str, str]) -> None:
    asked = page.post(f"/mailings/{mailing.pk}/choose/resend/", data)
    assert 'name="seen" value="0"' in asked.content.decode()
    assert not Decision.objects.exists()


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ("resend", ["Resend 2 deliveries that may have arrived?", "gets a second one", "same Message-ID", "recorded"]),
        (
            "treat_as_sent",
            ["Treat 2 uncertain deliveries as sent?", "Nothing is sent", "stays in the ledger", "recorded"],
        ),
        ("retry_failed", ["Try 1 failed delivery again?"]),
    ],
)
def test_it_asks_in_words_that_say_what_it_means(mailing: Mailing, page: Client, choice: str, words: list[str]) -> None:
    shown = words_of(page, f"/mailings/{mailing.pk}/choose/{choice}/")
    assert [phrase for phrase in words if phrase not in shown] == []
    assert not Decision.objects.exists()


def test_after_the_window_it_asks_for_a_new_end(mailing: Mailing, page: Client) -> None:
    path = f"/mailings/{mailing.pk}/choose/retry_failed/"
    seen = seen_on(page, f"/mailings/{mailing.pk}/")
    end_the_window(mailing)
    html = text_of(page, f"/mailings/{mailing.pk}/")
    assert f'<a class="btn btn-sm btn-outline-primary" href="{path}"' in html
    assert "Choose a new end" in text_of(page, path)
    # One click on a page that was made before the window's end:
    assert "Choose a new end" in page.post(path, {"seen": seen}).content.decode()
    assert "passed already" in page.post(path, {"seen": seen, "ends_at": "2001-01-01T00:00"}).content.decode()
    assert not Decision.objects.exists()
    page.post(path, {"seen": seen, "ends_at": "2031-01-01T00:00"})
    reopened = Mailing.objects.get()
    assert (reopened.status, reopened.ends_at.year) == ("sending", 2031)


def test_what_expired_is_mailed_with_a_new_end(owner: User, page: Client) -> None:
    make_crowd(owner, 3)
    mailing = change_status(make_mailing(owner).pk, "start", owner)
    end_the_window(mailing)
    run_schedule()
    assert "3 expired" in words_of(page, f"/mailings/{mailing.pk}/")
    path = f"/mailings/{mailing.pk}/choose/extend/"
    page.post(path, {"seen": seen_on(page, path), "ends_at": "2031-01-01T00:00"})
    assert counted(mailing) == {"queued": 3} == really_counted(mailing)
    history = words_of(page, f"/mailings/{mailing.pk}/").partition("History")[2]
    assert "Deliveries: 3." in history
    assert set(AuditEntry.objects.values_list("action", flat=True)) >= {"extend", "reopen", "window"}


def test_the_list_offers_it_for_all_that_were_found(mailing: Mailing, page: Client) -> None:
    listed = text_of(page, f"/mailings/{mailing.pk}/deliveries/?state=uncertain&q=r5%26")
    assert "choose/resend" not in listed
    listed = text_of(page, f"/mailings/{mailing.pk}/deliveries/?state=uncertain&q=R5")
    assert "Resend (may arrive twice) · 1" in " ".join(listed.split())
    path = f"/mailings/{mailing.pk}/choose/resend/?q=R5"
    assert path in listed
    asked = words_of(page, path)
    assert "Resend 1 delivery" in asked
    assert "Only those that the search for “R5” finds." in asked
    page.post(path, {"seen": seen_on(page, path)})
    assert states(mailing)["r5@example.com"] == "queued"
    assert states(mailing)["r4@example.com"] == "uncertain"
    assert "choose/" not in text_of(page, f"/mailings/{mailing.pk}/deliveries/?state=sent")


def test_one_delivery_is_decided_on_its_page(mailing: Mailing, page: Client, owner: User) -> None:
    of_one = f"/mailings/{mailing.pk}/deliveries/{delivery('r4@example.com').pk}/"
    assert "nobody can know" in text_of(page, of_one)
    path = f"{of_one}treat_as_sent/"
    assert path in text_of(page, of_one)
    assert "Treat the delivery to r4@example.com as sent?" in words_of(page, path)
    done = page.post(path, {"seen": seen_on(page, path)}, follow=True)
    assert done.redirect_chain[-1][0] == of_one
    shown = words_of(page, of_one)
    assert "1 delivery counts as sent now." in " ".join(strip_tags(done.content.decode()).split())
    assert f"{owner}: Treat as sent after attempt 1" in shown
    assert states(mailing)["r5@example.com"] == "uncertain"
    assert "The delivery to r4@example.com." in words_of(page, f"/mailings/{mailing.pk}/")


def test_a_second_accepted_copy_is_flagged_and_counted(mailing: Mailing, page: Client) -> None:
    path = f"/mailings/{mailing.pk}/deliveries/{delivery('r4@example.com').pk}/"
    page.post(f"{path}resend/", {"seen": "0"})
    assert "It may have arrived twice" not in text_of(page, path)
    worker = a_worker()
    record(worker, [result(claim, ACCEPTED) for claim in claimed(worker)])
    assert "It may have arrived twice" in text_of(page, path)
    assert "1 may have arrived twice" in words_of(page, f"/mailings/{mailing.pk}/")
    listed = page.get(f"/mailings/{mailing.pk}/deliveries/?state=twice")
    assert [row.email for row in listed.context["page"].rows] == ["r4@example.com"]


def test_a_cancelled_mailing_offers_no_sending(owner: User, page: Client) -> None:
    make_crowd(owner, 3)
    mailing = change_status(make_mailing(owner).pk, "start", owner)
    worker = a_worker()
    record(worker, [result(c, o) for c, o in zip(claimed(worker, 2), [TOO_SPAMMY, UNCERTAIN], strict=True)])
    change_status(mailing.pk, "cancel", owner)
    html = text_of(page, f"/mailings/{mailing.pk}/")
    assert "choose/treat_as_sent" in html
    assert "choose/resend" not in html
    assert "choose/retry_failed" not in html
    refused = page.post(f"/mailings/{mailing.pk}/choose/retry_failed/", {"seen": "0"}, follow=True)
    assert "This mailing is cancelled" in refused.content.decode()


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("who", ["stranger", "manager"])
def test_only_its_owner_decides(
    mailing: Mailing, client: Client, request: pytest.FixtureRequest, who: str, choice: str
) -> None:
    client.force_login(request.getfixturevalue(who))
    of_one = f"/mailings/{mailing.pk}/deliveries/{delivery('r4@example.com').pk}/"
    for path in (f"/mailings/{mailing.pk}/choose/{choice}/", f"{of_one}{choice}/"):
        assert client.get(path).status_code == 404
        assert client.post(path, {"seen": "0"}).status_code == 404
    assert not Decision.objects.exists()


def test_who_only_sees_finds_no_buttons(mailing: Mailing, client: Client, manager: User) -> None:
    client.force_login(manager)
    of_one = f"deliveries/{delivery('r4@example.com').pk}/"
    for path in ("", "deliveries/?state=uncertain", of_one):
        html = text_of(client, f"/mailings/{mailing.pk}/{path}")
        assert "/choose/" not in html
        assert "treat_as_sent" not in html
    assert "What was not sent" in text_of(client, f"/mailings/{mailing.pk}/")


def test_there_is_no_other_choice_and_no_other_mailings_delivery(mailing: Mailing, owner: User, page: Client) -> None:
    other = make_mailing(owner)
    one = delivery("r4@example.com").pk
    for path in (
        f"/mailings/{mailing.pk}/choose/complete/",
        f"/mailings/{mailing.pk}/deliveries/{one}/complete/",
        f"/mailings/{other.pk}/deliveries/{one}/resend/",
    ):
        assert page.post(path, {"seen": "0"}).status_code == 404
